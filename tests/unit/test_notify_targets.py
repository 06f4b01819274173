"""What a subscription may send to."""

from __future__ import annotations

from typing import Final

import pytest

from driftline.notify.refusals import RefusedError
from driftline.notify.subscription import TargetKind
from driftline.notify.targets import make_target

URL: Final = "https://example.com/hooks/canary-url-5c1e"
SECRET: Final = "whsec_" + "Y2FuYXJ5LXNlY3JldC1jYW5hcnktc2VjcmV0"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/canary-url-5c1e", "https://"),
        ("https://127.0.0.1/canary-url-5c1e", "public"),
        ("https://[::1]/canary-url-5c1e", "public"),
        ("https://169.254.169.254/canary-url-5c1e", "public"),
        ("https://localhost/canary-url-5c1e", "public"),
        ("https://me:canary-url-5c1e@example.com/", "user or password"),
        ("ftp://example.com/canary-url-5c1e", "https://host/path"),
        ("https:///canary-url-5c1e", "https://host/path"),
        ("https://example.com:99999/canary-url-5c1e", "https://host/path"),
        ("https://example.com/\ncanary-url-5c1e", "https://host/path|spaces"),
        ("https://example.com/canary-url-5c1e#x", "fragment"),
        ("https://example.com/" + "canary-url-5c1e" * 200, "2,000 characters"),
        ("canary-url-5c1e", "https://host/path"),
    ],
)
def test_a_target_that_may_not_be_sent_to_is_refused_without_being_repeated(
    url: str, why: str
) -> None:
    """The URL is a secret even where it is wrong."""
    with pytest.raises(RefusedError, match=why) as caught:
        make_target(TargetKind.WEBHOOK, url, allow_private=False)
    assert "canary" not in f"{caught.value!r}{caught.value.__cause__!r}"


@pytest.mark.parametrize("secret", ["", SECRET[6:], "whsec_", "whsec_*", "whsec_Y2FuYXJ5"])
def test_a_secret_that_is_none_is_refused_without_being_repeated(secret: str) -> None:
    """It should be whsec_ and base64 of 24 to 64 bytes."""
    with pytest.raises(RefusedError, match="whsec_ and base64") as caught:
        make_target(TargetKind.WEBHOOK, URL, secret, allow_private=False)
    assert not secret[6:] or secret[6:] not in str(caught.value)


def test_private_targets_are_taken_where_they_are_allowed() -> None:
    """Also without TLS; Slack's calls are not signed, a webhook's always are."""
    made = make_target(TargetKind.WEBHOOK, "http://127.0.0.1:8080/x", allow_private=True)
    assert made.secret is not None
    other = make_target(TargetKind.WEBHOOK, "http://127.0.0.1:8080/x", allow_private=True)
    assert other.secret != made.secret
    slack = make_target(TargetKind.SLACK_WEBHOOK, URL, allow_private=False)
    assert (slack.secret, slack.host) == (None, "example.com")
    with pytest.raises(RefusedError, match="not signed"):
        make_target(TargetKind.SLACK_WEBHOOK, URL, SECRET, allow_private=False)
