"""The documents that describe the ways out are true: tried with requests made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from pydantic import BaseModel
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from driftline.alerts.event import as_record
from driftline.web import problems
from driftline.web.app import describe_api
from driftline.web.asyncapi import MESSAGES, build_asyncapi
from driftline.web.models import alerts, common, health, silences, streams, subscriptions
from driftline.web.problems import CONTENT_TYPE, Problem
from support.alert_events import drift_event, health_event, resolved_event, silence_event
from support.fake_backend import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.alerts.schema import AlertEnvelope

ASYNCAPI: Final = Path(__file__).parents[2] / "docs" / "asyncapi.json"
MODULES: Final = (alerts, common, health, problems, silences, streams, subscriptions)
EXCLUDED: Final = {
    # Whether a silence ends in the future, or a URL may be sent to, no schema can say.
    "POST /v1/silences": [positive_data_acceptance],
    "POST /v1/subscriptions": [positive_data_acceptance],
    # tag=5 in a query is a list of one text, not a number.
    "GET /v1/alerts": [negative_data_rejection],
}
"""What is not asked of an operation."""


def build_api() -> Api:
    """An API that has an alert; its bodies may be as long as a schema allows."""
    api = Api(body_limit=50_000_000)
    api.publish(drift_event())
    return api


# A stream never ends: what is true of it is tried elsewhere.
schema: Any = schemathesis.openapi.from_asgi("/v1/openapi.json", build_api().app).exclude(
    path="/v1/alerts/stream"
)


@schema.parametrize()  # type: ignore[untyped-decorator]  # schemathesis has no types for it
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_api_does_what_its_own_document_says(case: Any) -> None:
    """Requests made of the document, right ones and wrong ones, get answers as it says."""
    case.call_and_validate(
        headers={"Authorization": "Bearer admin"},
        excluded_checks=EXCLUDED.get(case.operation.label, []),
    )


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation of the OpenAPI document, by method and path."""
    for path, methods in describe_api()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_says_what_it_does_and_how_it_fails() -> None:
    """A description, a name of its own, and problem documents; all but three need a token."""
    found = dict(operations())
    names = [operation["operationId"] for operation in found.values()]
    assert len(set(names)) == len(names) > 20
    open_ = {name for name, operation in found.items() if "security" not in operation}
    assert open_ == {"GET /healthz", "GET /readyz"}
    for name, operation in found.items():
        assert operation["description"], name
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
    problem = describe_api()["components"]["responses"]["Problem"]["content"]
    assert list(problem) == [CONTENT_TYPE]
    assert describe_api()["openapi"].startswith("3.1")


def models() -> Iterator[type[BaseModel]]:
    """Every model of the API that shows an example."""
    for module in MODULES:
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, BaseModel) and one is not BaseModel:
                extra = one.model_config.get("json_schema_extra")
                if one.__module__ == module.__name__ and extra:
                    yield one


@pytest.mark.parametrize("model", list(models()), ids=lambda model: model.__name__)
def test_an_example_is_one(model: type[BaseModel]) -> None:
    """It can be copied: the model takes it."""
    for example in model.model_json_schema()["examples"]:
        model.model_validate_json(json.dumps(example))


def test_some_models_show_examples() -> None:
    """Requests and what they are answered."""
    assert {Problem, silences.NewSilence, silences.SilenceState} <= set(models())


def test_the_asyncapi_document_is_current() -> None:
    """The file is what the models make now."""
    written = json.loads(ASYNCAPI.read_text())
    assert written == build_asyncapi(), "driftline schema asyncapi > docs/asyncapi.json"


def references(part: Any) -> Iterator[str]:
    """All that is referred to."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_the_asyncapi_document_refers_to_nothing_that_is_not_there() -> None:
    """Each reference leads somewhere, each operation to a channel, each channel has messages."""
    document = build_asyncapi()
    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place
    assert document["asyncapi"] == "3.0.0"
    assert {one["action"] for one in document["operations"].values()} == {"send"}
    assert all(channel["messages"] for channel in document["channels"].values())
    assert set(document["components"]["messages"]) == set(MESSAGES)


@pytest.mark.parametrize("make", [drift_event, resolved_event, silence_event, health_event])
def test_events_are_as_the_asyncapi_document_says(make: Any) -> None:
    """An independent validator takes what is published; what has no id it refuses."""
    jsonschema_rs = pytest.importorskip("jsonschema_rs")
    event: AlertEnvelope = make()
    document = build_asyncapi()
    whole = {"$ref": "#/components/schemas/AlertEnvelope", "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole)
    published = json.loads(as_record(event.data).value)
    validator.validate(published)
    del published["data"]["alert_id"]
    assert not validator.is_valid(published)
