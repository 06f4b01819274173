"""The API over a deployment that is kept in memory: who may what, and how it fails."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from driftline.errors import StateError, UnavailableError
from driftline.web.guard import SECURITY_HEADERS
from driftline.web.problems import Kind, Problem
from driftline.web.tokens import Scope
from support.alert_events import drift_event, health_event, resolved_event, silence_event
from support.captured_log import captured_log
from support.fake_backend import Api
from support.injections import INJECTIONS

if TYPE_CHECKING:
    import httpx

ALERT: Final = "0123456789abcdef0123"
SILENCE: Final[dict[str, Any]] = {
    "matchers": {"stream": ["car-loan"]},
    "ends_at": "2026-03-04T18:00:00Z",
    "comment": "known",
}
WEBHOOK: Final[dict[str, Any]] = {
    "filter": {"severity": ["critical"]},
    "target": {"kind": "webhook", "url": "https://hooks.example.com/CANARY-url-4471"},
}
LOOKS: Final = (
    "/v1/streams",
    "/v1/streams/car-loan",
    "/v1/streams/car-loan/instances",
    "/v1/streams/car-loan/signals",
    "/v1/streams/car-loan/windows?signal=error",
    "/v1/alerts",
    f"/v1/alerts/{ALERT}",
    "/v1/silences",
    "/v1/subscriptions",
    "/v1/receivers",
    "/v1/health",
    "/metrics",
)
WRITES: Final[tuple[tuple[str, str, Any], ...]] = (
    ("POST", f"/v1/alerts/{ALERT}/acknowledge", {"note": "mine"}),
    ("POST", f"/v1/alerts/{ALERT}/accept", {}),
    ("POST", "/v1/silences", SILENCE),
    ("POST", "/v1/subscriptions", WEBHOOK),
)


@pytest.fixture
def api() -> Api:
    """An API that has one alert, which fires."""
    api = Api()
    api.publish(drift_event())
    return api


def problem(response: httpx.Response, kind: Kind) -> Problem:
    """The problem that a response tells of."""
    assert response.status_code == kind.status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told = Problem.model_validate_json(response.content)
    assert (told.type, told.title, told.status) == (kind.type, kind.title, kind.status)
    assert told.request_id == response.headers["x-request-id"]
    return told


@pytest.mark.parametrize("path", LOOKS)
async def test_looking_needs_a_token_and_no_more_than_read(api: Api, path: str) -> None:
    """Without a token 401 with a challenge; with the least of scopes the answer."""
    async with api.client(None) as nobody, api.client(Scope.READ) as reader:
        refused = await nobody.get(path)
        problem(refused, Kind.UNAUTHENTICATED)
        assert refused.headers["www-authenticate"] == 'Bearer realm="driftline"'
        assert (await reader.get(path)).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_changing_something_needs_the_scope_write(
    api: Api, method: str, path: str, body: Any
) -> None:
    """403 names the scope that is needed; who may write is also audited."""
    async with (
        api.client(None) as nobody,
        api.client() as reader,
        api.client(Scope.WRITE) as writer,
    ):
        problem(await nobody.request(method, path, json=body), Kind.UNAUTHENTICATED)
        refused = await reader.request(method, path, json=body)
        assert 'scope="write"' in refused.headers["www-authenticate"]
        assert "this needs write" in str(problem(refused, Kind.FORBIDDEN).detail)
        done = await writer.request(method, path, json=body)
        assert done.status_code in {201, 202}, done.text
    assert [(one.by, one.status) for one in api.audit.entries] == [
        ("read", "403"),
        ("write", str(done.status_code)),
    ]
    assert api.audit.entries[1].request_id == done.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/receivers/team/test"), ("GET", "/v1/audit")]
)
async def test_some_things_need_the_scope_admin(api: Api, method: str, path: str) -> None:
    """Sending to a declared receiver, and reading who did what."""
    async with api.client(Scope.WRITE) as writer, api.client(Scope.ADMIN) as admin:
        problem(await writer.request(method, path), Kind.FORBIDDEN)
        assert (await admin.request(method, path)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        b"Bearer wrong",
        b"Bearer",
        b"Bearer ",
        b"Basic cmVhZA==",
        b"read",
        b"Bearer r\xc3\xa9ad",
        b"Bearer \xff\xfe",
        b"Bearer " + b"a" * 30_000,
        b"Bearer read read",
    ],
)
async def test_what_is_no_valid_token_is_none(api: Api, header: bytes) -> None:
    """Whatever stands in the header, the answer is 401."""
    async with api.client(None) as client:
        answer = await client.get("/v1/streams", headers={b"Authorization": header})
        problem(answer, Kind.UNAUTHENTICATED)


async def test_a_token_in_the_url_is_none(api: Api) -> None:
    """URLs stand in logs and histories: a token is taken from the header alone."""
    async with api.client(None) as client:
        for name in ("token", "access_token", "authorization"):
            answer = await client.get("/v1/health", params={name: "read"})
            problem(answer, Kind.UNAUTHENTICATED)


async def test_every_error_is_a_problem_document(api: Api) -> None:
    """Whoever finds the error: the router, the validation, the route, or nobody at all."""
    async with api.client(Scope.ADMIN) as client:
        problem(await client.get("/v1/nothing"), Kind.NOT_FOUND)
        problem(await client.get("/v1/streams/none"), Kind.NOT_FOUND)
        problem(await client.get("/v1/alerts/" + "0" * 20), Kind.NOT_FOUND)
        problem(await client.delete("/v1/silences/" + "0" * 16), Kind.NOT_FOUND)
        refused = await client.delete("/v1/streams")
        problem(refused, Kind.METHOD_NOT_ALLOWED)
        assert refused.headers["allow"] == "GET"
        problem(await client.options("/v1/streams"), Kind.METHOD_NOT_ALLOWED)
        problem(await client.get("/v1/alerts", params={"limit": 0}), Kind.INVALID)
        problem(await client.get("/v1/alerts", params={"cursor": "x"}), Kind.INVALID)
        problem(await client.get("/v1/alerts", params={"strem": "x"}), Kind.INVALID)
        problem(await client.post("/v1/silences", content=b"{"), Kind.INVALID)
        problem(await client.post("/v1/silences", content=b"[" * 2_000), Kind.INVALID)
        problem(await client.post("/v1/silences", content=b"\xff"), Kind.INVALID)
        problem(await client.post("/v1/silences", content=b" " * 5_000), Kind.TOO_LARGE)
        late = {**SILENCE, "ends_at": "2026-03-04T08:00:00Z"}
        problem(await client.post("/v1/silences", json=late), Kind.INVALID)
        api.backend.broken = True
        problem(await client.post("/v1/receivers/team/test"), Kind.UPSTREAM)
        api.backend.failing = UnavailableError("redis at 10.0.0.1 does not answer")
        away = await client.get("/v1/streams")
        assert "does not answer" in str(problem(away, Kind.UNAVAILABLE).detail)
        assert int(away.headers["retry-after"]) > 0
        problem(await client.get("/readyz"), Kind.UNAVAILABLE)
        api.backend.failing = StateError("it does not decode")
        problem(await client.get("/v1/streams"), Kind.INTERNAL)
        api.tokens.failing = UnavailableError("redis is away")
        problem(await client.get("/v1/streams"), Kind.UNAVAILABLE)


async def test_a_bug_is_told_in_the_log_and_not_in_the_answer(api: Api) -> None:
    """500 without details; the log has the traceback under the request's id, and no token."""
    api.backend.failing = RuntimeError("CANARY-internal-9917")
    api.tokens.known["CANARY-token"] = api.tokens.known["read"]
    with captured_log() as log:
        async with api.client(None) as client:
            header = {"Authorization": "Bearer CANARY-token"}
            answer = await client.get("/v1/streams", headers=header)
    told = problem(answer, Kind.INTERNAL)
    assert "CANARY" not in answer.text
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (failed,) = [line for line in lines if line["event"] == "request_failed"]
    assert failed["request_id"] == told.request_id
    assert "CANARY-internal-9917" in failed["exception"]
    assert "CANARY-token" not in log.getvalue()


async def test_what_is_wrong_with_a_body_is_said_without_repeating_it(api: Api) -> None:
    """Each key by its path; values, which may be secrets, are not."""
    body = {
        "filter": {"severity": ["CANARY-one-1"], "stream": ["CANARY two"], "nope": ["CANARY-3"]},
        "target": {"kind": "CANARY-4", "url": 7, "secret": ["CANARY-5"]},
        "CANARY-key": "CANARY-6",
    }
    async with api.client(Scope.WRITE) as client:
        first = await client.post("/v1/subscriptions", json=body)
        told = problem(first, Kind.INVALID)
        places = {one.location for one in told.errors or ()}
        assert {"body/filter/nope", "body/target/kind", "body/CANARY-key"} <= places
        del body["CANARY-key"]
        body["filter"] = {"severity": ["CANARY-one-1"]}
        body["target"] = WEBHOOK["target"]
        second = await client.post("/v1/subscriptions", json=body)
        (wrong,) = problem(second, Kind.INVALID).errors or ()
        assert wrong.location == "body/filter/severity"
    # Only the name of an unknown key is named.
    assert re.findall('CANARY[^/"]*', first.text + second.text) == ["CANARY-key"]


async def test_an_unknown_key_is_told_the_nearest_one(api: Api) -> None:
    """Also inside of a body's parts, of the kind that they say they are."""
    body = {
        "filter": {"streem": ["x"], "nothing-like-it": 1},
        "target": {**WEBHOOK["target"], "secrte": "CANARY"},
        "ownr": "ada",
    }
    async with api.client(Scope.WRITE) as client:
        answer = await client.post("/v1/subscriptions", json=body)
    said = {one.location: one.message for one in problem(answer, Kind.INVALID).errors or ()}
    assert "CANARY" not in answer.text
    assert said["body/filter/streem"] == "is no key here (did you mean 'stream'?)"
    assert said["body/filter/nothing-like-it"].startswith("is no key here (there are: stream, ")
    assert said["body/target/webhook/secrte"] == "is no key here (did you mean 'secret'?)"
    assert said["body/ownr"] == "is no key here (did you mean 'owner'?)"
    async with api.client(Scope.READ) as client:
        answer = await client.get("/v1/alerts?statsu=firing&state=firing")
    said = {one.location: one.message for one in problem(answer, Kind.INVALID).errors or ()}
    assert said["query/statsu"] == "is no key here (did you mean 'status'?)"
    assert said["query/state"].startswith("is no key here (")
    assert "status" in said["query/state"]


async def test_every_answer_has_the_security_headers(api: Api) -> None:
    """Also errors, and pages without a token; none says which server it is."""
    async with api.client() as client:
        for path in (*LOOKS, "/healthz", "/readyz", "/v1/openapi.json", "/nothing", "/v1/alerts/x"):
            headers = (await client.get(path)).headers
            assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS, path
            assert "server" not in headers
            assert "access-control-allow-origin" not in headers


async def test_other_sites_read_answers_only_if_they_are_listed() -> None:
    """A preflight of a listed origin is answered; any other gets no header, and 405."""
    api = Api(cors_origins=("https://ours.example",))
    asked = {"Access-Control-Request-Method": "POST"}
    async with api.client() as client:
        for origin, listed in (("https://ours.example", True), ("https://evil.example", False)):
            answer = await client.get("/v1/streams", headers={"Origin": origin})
            assert answer.status_code == 200
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (origin if listed else None)
            assert answer.headers["vary"] == "Origin"
            assert "access-control-allow-credentials" not in answer.headers
            preflight = await client.options("/v1/silences", headers={"Origin": origin, **asked})
            assert preflight.status_code == (204 if listed else 405)
            assert ("access-control-allow-methods" in preflight.headers) is listed


async def test_a_body_is_read_up_to_its_limit_and_no_further() -> None:
    """Whether its length is declared or not; a client that goes meanwhile is no error."""
    api = Api(body_limit=1_000)
    body = {**SILENCE, "comment": "x" * 990}

    async def in_parts() -> Any:
        for _ in range(100):
            yield b" " * 100

    async with api.client(Scope.WRITE) as client:
        assert (
            await client.post("/v1/silences", json={**body, "comment": "x" * 800})
        ).status_code == 201
        problem(await client.post("/v1/silences", json=body), Kind.TOO_LARGE)
        told = await client.post("/v1/silences", content=in_parts())
        assert "1,000 bytes" in str(problem(told, Kind.TOO_LARGE).detail)


async def test_a_token_has_so_many_requests_a_minute() -> None:
    """429 says when there is one again; other tokens are not concerned."""
    api = Api(per_minute=3)
    async with api.client() as reader, api.client(Scope.ADMIN) as admin, api.client(None) as nobody:
        assert [(await reader.get("/v1/streams")).status_code for _ in range(3)] == [200] * 3
        refused = await reader.get("/v1/streams")
        problem(refused, Kind.TOO_MANY)
        wait = int(refused.headers["retry-after"])
        assert 1 <= wait <= 20
        assert (await admin.get("/v1/streams")).status_code == 200
        api.seconds += wait
        assert (await reader.get("/v1/streams")).status_code == 200
        # Who has no token is counted by address: guessing is slow too.
        codes = [(await nobody.get("/v1/streams")).status_code for _ in range(4)]
        assert codes == [401, 401, 401, 429]
    assert api.audit.entries == []


async def test_a_request_id_of_the_caller_is_kept_if_it_is_a_plain_one(api: Api) -> None:
    """Any other one is replaced: it goes into logs and headers."""
    async with api.client() as client:
        kept = await client.get("/healthz", headers={"X-Request-ID": "job-17.step-4"})
        assert kept.headers["x-request-id"] == "job-17.step-4"
        for given in ("short", "x" * 65, "with space and more", 'quote"quote"quote'):
            answer = await client.get("/healthz", headers={"X-Request-ID": given})
            assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_alerts_are_listed_page_by_page_each_once() -> None:
    """Those that opened last first; what comes meanwhile moves nothing."""
    api = Api()
    for number in range(7):
        api.publish(drift_event(alert_id=f"{number:020x}"))
    found: list[str] = []
    async with api.client() as client:
        cursor: str | None = None
        while True:
            params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/v1/alerts", params=params)).json()
            found += [event["data"]["alert_id"] for event in page["items"]]
            # An old alert has news, and a new one opens, between two pages.
            api.publish(drift_event(alert_id=f"{0:020x}", revision=2 + len(found)))
            api.publish(drift_event(alert_id=f"{100 + len(found):020x}"))
            cursor = page["next"]
            if cursor is None:
                break
    assert found == [f"{number:020x}" for number in reversed(range(7))]


async def test_alerts_are_filtered_by_their_newest_revision() -> None:
    """Several values of one key are alternatives; several keys must all match."""
    api = Api()
    api.publish(drift_event(alert_id=f"{1:020x}"))
    api.publish(drift_event(alert_id=f"{2:020x}", severity="warning", tags=["us"]))
    api.publish(silence_event(alert_id=f"{3:020x}"))
    api.publish(health_event(alert_id=f"{4:020x}"))
    api.publish(drift_event(alert_id=f"{5:020x}"))
    api.publish(resolved_event(alert_id=f"{5:020x}"))

    async def ids(**params: Any) -> set[int]:
        async with api.client() as client:
            page = (await client.get("/v1/alerts", params=params)).json()
        return {int(event["data"]["alert_id"], 16) for event in page["items"]}

    assert await ids() == {1, 2, 3, 4, 5}
    assert await ids(kind="drift") == {1, 2, 5}
    assert await ids(kind=["silence", "health"]) == {3, 4}
    assert await ids(status="firing", kind="drift") == {1, 2}
    assert await ids(status="resolved") == {5}
    assert await ids(tag="us") == {2}
    assert await ids(owner="risk", severity="critical") == {1, 3, 5}
    assert await ids(stream="car-loan", instance="car-loan/2019-01", signal="error") == {1, 2, 5}
    assert await ids(stream="car") == set()


async def test_an_alert_is_shown_with_its_history() -> None:
    """Every revision once, the newest as `alert`; a repetition is none."""
    api = Api()
    api.publish(drift_event())
    api.publish(drift_event(revision=2, alarms=5))
    api.publish(drift_event(revision=2, alarms=9))
    api.publish(drift_event(revision=1))
    api.publish(resolved_event())
    async with api.client() as client:
        shown = (await client.get(f"/v1/alerts/{ALERT}")).json()
    assert [one["data"]["revision"] for one in shown["revisions"]] == [1, 2, 3]
    assert shown["alert"] == shown["revisions"][-1]
    assert shown["revisions"][1]["data"]["alarms"] == 5
    assert shown["complete"] is True


async def test_alerts_are_not_answered_before_all_are_read(api: Api) -> None:
    """A list that lacks some would be taken for the whole."""
    api.feed.caught_up = False
    async with api.client(Scope.WRITE) as client:
        for path in ("/v1/alerts", f"/v1/alerts/{ALERT}", "/v1/alerts/stream"):
            problem(await client.get(path), Kind.UNAVAILABLE)
        said = await client.post(f"/v1/alerts/{ALERT}/acknowledge", json={})
        problem(said, Kind.UNAVAILABLE)


async def test_what_is_said_of_an_alert_is_said_in_the_tokens_name(api: Api) -> None:
    """Of one that fires; one that ended is a conflict. Trouble of the monitor is never normal."""
    api.publish(health_event(alert_id=f"{4:020x}"))
    api.publish(silence_event(alert_id=f"{5:020x}"))
    async with api.client(Scope.WRITE) as client:
        path = f"/v1/alerts/{ALERT}/acknowledge"
        assert (await client.post(path, json={"note": "mine"})).status_code == 202
        problem(await client.post(path, json={"note": "x" * 1_001}), Kind.INVALID)
        problem(await client.post(path, json={"by": "somebody else"}), Kind.INVALID)
        problem(await client.post(f"/v1/alerts/{4:020x}/accept", json={}), Kind.CONFLICT)
        accepted = await client.post(f"/v1/alerts/{5:020x}/accept", json={"note": "a holiday"})
        assert accepted.status_code == 202
        api.publish(resolved_event())
        problem(await client.post(path, json={}), Kind.CONFLICT)
    assert api.backend.said == [
        ("acknowledge", ALERT, "write", "mine"),
        ("accept", f"{5:020x}", "write", "a holiday"),
    ]


async def test_silences_are_made_listed_and_ended(api: Api) -> None:
    """In the token's name, with the place of the new one in Location."""
    async with api.client(Scope.WRITE) as client:
        made = await client.post("/v1/silences", json=SILENCE)
        silence = made.json()
        assert made.headers["location"] == f"/v1/silences/{silence['id']}"
        assert (silence["state"], silence["created_by"]) == ("active", "write")
        later = {
            **SILENCE,
            "starts_at": "2026-03-05T00:00:00+02:00",
            "ends_at": "2026-03-06T00:00Z",
        }
        pending = (await client.post("/v1/silences", json=later)).json()
        assert (pending["state"], pending["starts_at"]) == ("pending", "2026-03-04T22:00:00Z")
        ended = await client.delete(f"/v1/silences/{silence['id']}")
        assert ended.json()["state"] == "expired"
        for state, wanted in (("pending", pending), ("expired", ended.json())):
            page = (await client.get("/v1/silences", params={"state": state})).json()
            assert page["items"] == [wanted]
        first = (await client.get("/v1/silences", params={"limit": 1})).json()
        second = await client.get("/v1/silences", params={"limit": 1, "cursor": first["next"]})
        ids = {one["id"] for page in (first, second.json()) for one in page["items"]}
        assert ids == {silence["id"], pending["id"]}
        problem(
            await client.post(
                "/v1/silences", json={**SILENCE, "ends_at": "0001-01-01T00:00:00+14:00"}
            ),
            Kind.INVALID,
        )


async def test_a_token_sees_its_own_subscriptions_and_admin_all(api: Api) -> None:
    """For others there is none of that id; nobody is shown a URL or a secret again."""
    api.tokens.known["other"] = api.tokens.known["write"].__class__(
        "other", Scope.WRITE, api.tokens.known["write"].created_at
    )
    async with api.client(Scope.WRITE) as mine, api.client(Scope.ADMIN) as admin:
        made = (await mine.post("/v1/subscriptions", json=WEBHOOK)).json()
        assert made["secret"].startswith("whsec_")
        path = f"/v1/subscriptions/{made['id']}"
        other = {"Authorization": "Bearer other"}
        for method, place in (
            ("GET", path),
            ("DELETE", path),
            ("POST", f"{path}/pause"),
            ("POST", f"{path}/test"),
        ):
            problem(await mine.request(method, place, headers=other), Kind.NOT_FOUND)
        assert (await mine.get("/v1/subscriptions", headers=other)).json()["items"] == []
        theirs = {**WEBHOOK, "owner": "somebody"}
        problem(await mine.post("/v1/subscriptions", json=theirs), Kind.FORBIDDEN)
        assert (await admin.post("/v1/subscriptions", json=theirs)).json()["owner"] == "somebody"
        everybody = (await admin.get("/v1/subscriptions", params={"limit": 1})).json()
        assert everybody["next"] is not None
        shown = [
            await mine.get(path),
            await mine.post(f"{path}/pause"),
            await admin.post(f"{path}/resume"),
        ]
        assert [one.json()["state"] for one in shown] == ["active", "paused", "active"]
        assert (await mine.post(f"{path}/test")).json()["receiver"] == f"subscription:{made['id']}"
        texts = "".join(one.text for one in shown)
        assert "CANARY" not in texts
        assert "whsec" not in texts
        assert (await mine.delete(path)).status_code == 204
        problem(await mine.get(path), Kind.NOT_FOUND)
    assert "CANARY" not in repr(api.audit.entries)


async def test_a_given_secret_is_not_shown_even_once(api: Api) -> None:
    """Who gave it has it; and private addresses are refused without being repeated."""
    secret = "whsec_Q0FOQVJZLXNlY3JldC0yMjA5LUNBTkFSWQ=="  # noqa: S105 - a canary
    body = {"target": {**WEBHOOK["target"], "secret": secret}}
    async with api.client(Scope.WRITE) as client:
        made = await client.post("/v1/subscriptions", json=body)
        assert made.json()["secret"] is None
        assert secret not in made.text
        inside = {"target": {"kind": "webhook", "url": "https://10.1.2.3/CANARY"}}
        refused = await client.post("/v1/subscriptions", json=inside)
        problem(refused, Kind.INVALID)
        assert "CANARY" not in refused.text


async def test_the_audit_log_is_read_page_by_page(api: Api) -> None:
    """The newest first."""
    async with api.client(Scope.ADMIN) as client:
        for _ in range(3):
            await client.post("/v1/silences", json=SILENCE)
        first = (await client.get("/v1/audit", params={"limit": 2})).json()
        rest = (await client.get("/v1/audit", params={"limit": 2, "cursor": first["next"]})).json()
    entries = first["items"] + rest["items"]
    assert [one["id"] for one in entries] == ["2-0", "1-0", "0-0"]
    assert {one["action"] for one in entries} == {"POST /v1/silences"}
    assert rest["next"] is None


async def test_names_out_of_data_come_as_strings_of_json() -> None:
    """Whatever stands in them: the answer is JSON of the same shape, and they stand in it whole."""
    api = Api()
    for number, name in enumerate(INJECTIONS):
        given = {"instance": f"car-loan/{name}", "signal": f"feature.{name}", "owner": name}
        api.publish(drift_event(alert_id=f"{number:020x}", **given))
    async with api.client() as client:
        answer = await client.get("/v1/alerts", params={"limit": 200})
    assert answer.headers["content-type"] == "application/json"
    assert b"\n" not in answer.content
    assert b"\r" not in answer.content
    events = json.loads(answer.content)["items"]
    assert [event["data"]["owner"] for event in reversed(events)] == list(INJECTIONS)
    assert [event["data"]["signal"][8:] for event in reversed(events)] == list(INJECTIONS)


async def test_metrics_name_kinds_of_paths_never_paths(api: Api) -> None:
    """Whatever is asked for, the labels are a bounded set."""
    async with api.client() as client:
        for number in range(20):
            await client.get(f"/v1/streams/unknown-{number}")
            await client.get(f"/nothing/{number}")
            await client.request(f"VERB{number}", "/v1/streams")
        page = (await client.get("/metrics")).text
    routes = set(re.findall(r'driftline_web_requests_total\{method="(\w+)",route="([^"]*)"', page))
    assert routes == {("GET", "/v1/streams/{stream}"), ("GET", "other"), ("other", "/v1/streams")}


async def test_a_client_that_goes_before_its_body_is_there_is_no_error(api: Api) -> None:
    """Nothing is answered, as nobody listens."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/silences",
        "raw_path": b"/v1/silences",
        "query_string": b"",
        "headers": [],
        "client": ("10.0.0.9", 1),
    }
    await asyncio.wait_for(api.app(scope, receive, send), 30)
    assert sent == []
