"""A Slack: incoming webhooks and two methods of the Web API, with their answers and limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from support.scripted_server import Reply, Request, ScriptedServer
from support.slack_rules import faults

API: Final = "/api/"


@dataclass
class Posted:
    """A message in the channel."""

    ts: str
    payload: dict[str, Any]
    thread_ts: str | None = None
    broadcast: bool = False
    updates: int = 0


@dataclass
class Workspace:
    """What the fake lets in."""

    token: str = "xoxb-test"  # noqa: S105 - no real one
    channel: str = "C0123ABCD"
    hook: str = "/services/T000/B000/XXXX"
    messages: list[Posted] = field(default_factory=list)


class FakeSlack(ScriptedServer):
    """Answers as Slack documents it; messages it does not take are refused by its own words."""

    def __init__(self, workspace: Workspace | None = None) -> None:
        super().__init__()
        self.workspace = workspace or Workspace()

    @property
    def hook_url(self) -> str:
        return self.url + self.workspace.hook

    @property
    def api_url(self) -> str:
        return self.url + API

    @property
    def messages(self) -> list[Posted]:
        return self.workspace.messages

    def answer(self, request: Request) -> Reply:
        if request.path == self.workspace.hook:
            return self._hook(request)
        if request.path.startswith(API):
            return self._method(request.path.removeprefix(API), request)
        return Reply(404, b"no_service")

    def _hook(self, request: Request) -> Reply:
        try:
            payload = request.json()
        except msgspec.DecodeError:
            return Reply(400, b"invalid_payload")
        if not payload.get("text"):
            return Reply(400, b"no_text")
        if faults(payload):
            return Reply(400, b"invalid_blocks")
        self._keep(payload)
        return Reply(200, b"ok")

    def _method(self, name: str, request: Request) -> Reply:
        payload = request.json()
        if request.headers.get("authorization") != f"Bearer {self.workspace.token}":
            return _no("invalid_auth")
        if payload.get("channel") != self.workspace.channel:
            return _no("channel_not_found")
        if not payload.get("text"):
            return _no("no_text")
        if faults(payload):
            return _no("invalid_blocks")
        if name == "chat.update":
            return self._update(payload)
        return self._post(payload) if name == "chat.postMessage" else _no("unknown_method")

    def _post(self, payload: dict[str, Any]) -> Reply:
        thread = payload.get("thread_ts")
        if thread is not None and self.find(thread) is None:
            return _no("thread_not_found")
        posted = self._keep(payload)
        return _yes({"channel": self.workspace.channel, "ts": posted.ts})

    def _update(self, payload: dict[str, Any]) -> Reply:
        posted = self.find(payload.get("ts"))
        if posted is None:
            return _no("message_not_found")
        posted.payload, posted.updates = payload, posted.updates + 1
        return _yes({"channel": self.workspace.channel, "ts": posted.ts})

    def find(self, ts: str | None) -> Posted | None:
        return next((one for one in self.messages if one.ts == ts), None)

    def _keep(self, payload: dict[str, Any]) -> Posted:
        posted = Posted(
            f"15516966{len(self.messages):02}.000100",
            payload,
            payload.get("thread_ts"),
            bool(payload.get("reply_broadcast")),
        )
        self.messages.append(posted)
        return posted


def _no(error: str) -> Reply:
    return Reply(200, msgspec.json.encode({"ok": False, "error": error}))


def _yes(given: dict[str, Any]) -> Reply:
    return Reply(200, msgspec.json.encode({"ok": True, **given}))
