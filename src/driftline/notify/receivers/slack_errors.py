"""What the error codes of Slack's Web API mean for a notification.

The codes are those that Slack documents for chat.postMessage and chat.update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.notify.notification import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping


class SlackError(Exception):
    """Slack answered `ok: false`."""

    def __init__(self, code: str, retry_after: str | None) -> None:
        super().__init__()
        self.code = code
        """Slack's word for it, or anything else if it was not Slack."""
        self.retry_after = retry_after


GONE: Final = frozenset(
    {
        "message_not_found",
        "cant_update_message",
        "edit_window_closed",
        "thread_not_found",
        "cannot_reply_to_message",
    }
)
"""The message that was to be updated or replied to is not there, or not ours any more."""

BLOCKS_REFUSED: Final = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "block_mismatch",
        "msg_too_long",
        "msg_blocks_too_long",
    }
)
"""The message is not taken as it is; without blocks it may be."""

_LATER: Final = ("ratelimited", "rate_limited", "message_limit_exceeded")
_AGAIN: Final = (
    "accesslimited",
    "fatal_error",
    "internal_error",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
)
_REVOKED: Final = (
    "access_denied",
    "account_inactive",
    "channel_not_found",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_auth",
    "is_archived",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "not_authed",
    "not_in_channel",
    "org_login_required",
    "restricted_action",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel",
    "restricted_action_thread_locked",
    "restricted_action_thread_only_channel",
    "team_access_not_granted",
    "token_expired",
    "token_revoked",
    "two_factor_setup_required",
)
_REFUSED: Final = (
    *sorted(BLOCKS_REFUSED | GONE),
    "deprecated_endpoint",
    "duplicate_channel_not_found",
    "invalid_arg_name",
    "invalid_arguments",
    "invalid_array_arg",
    "invalid_charset",
    "invalid_form_data",
    "invalid_metadata_format",
    "invalid_post_type",
    "method_deprecated",
    "missing_post_type",
    "no_text",
    "too_many_attachments",
    "unknown_method",
)

FAILURES: Final[Mapping[str, Failure]] = {
    **dict.fromkeys(_LATER, Failure.LATER),
    **dict.fromkeys(_AGAIN, Failure.AGAIN),
    **dict.fromkeys(_REVOKED, Failure.REVOKED),
    **dict.fromkeys(_REFUSED, Failure.REFUSED),
}
"""A code that is not here may be anything, and is not repeated in an error: refused."""
