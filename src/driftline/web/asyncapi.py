"""The AsyncAPI 3.0 document: what driftline sends of its own accord, and in which form."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from driftline.alerts.event import CONTENT_TYPE
from driftline.alerts.schema import AlertEnvelope
from driftline.notify.retrain_event import RetrainEnvelope

MESSAGES: Final[dict[str, tuple[type[Any], str]]] = {
    "alert": (AlertEnvelope, "A revision of an alert: it fired, changed or ended."),
    "retrain": (RetrainEnvelope, "A model should be trained anew, or the reason for it is over."),
}
"""By name: the model, and what it tells."""

_REF: Final = "#/components/schemas/{model}"


def build_asyncapi() -> dict[str, Any]:
    """The document, made from the models that events are written and read with."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "driftline",
            "version": version("driftline"),
            "description": "What driftline sends: CloudEvents 1.0 in structured mode. An event's "
            "`id`, with `source`, is the same however often it is delivered; of an alert, a "
            "revision that is not above the last one seen is a repetition.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": _CHANNELS,
        "operations": _OPERATIONS,
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _message(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{name}"}


def _operation(channel: str, what: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": what}


_DEPLOYMENT: Final = {
    "deployment": {"description": "The deployment's `name`.", "default": "driftline"}
}

_CHANNELS: Final[dict[str, Any]] = {
    "alerts": {
        "address": "{deployment}.alerts",
        "title": "The alerts topic",
        "description": "A Kafka topic, or the one that `topics.alerts` names. Keyed by alert id, "
        "so that an alert's revisions are in order; not compacted.",
        "parameters": _DEPLOYMENT,
        "messages": {"alert": _message("alert")},
    },
    "retrain": {
        "address": "{deployment}.retrain",
        "title": "The topic of requests for a retraining",
        "description": "A Kafka topic, or the one that `topics.retrain` names. Keyed by instance.",
        "parameters": _DEPLOYMENT,
        "messages": {"retrain": _message("retrain")},
    },
    "alertStream": {
        "address": "/v1/alerts/stream",
        "title": "Server-Sent Events of `driftline web`",
        "description": "Each event's `data` is the message as one line of JSON, its `id` the place "
        "in the alerts topic to resume from (Last-Event-ID). Needs a token with scope read.",
        "messages": {"alert": _message("alert")},
        "bindings": {"http": {}},
    },
    "webhook": {
        "address": None,
        "title": "A webhook",
        "description": "The URL of a receiver or a subscription. Each call is a POST, signed as "
        "Standard Webhooks has it: `webhook-id`, `webhook-timestamp`, `webhook-signature`.",
        "messages": {"alert": _message("alert"), "retrain": _message("retrain")},
        "bindings": {"http": {}},
    },
}

_OPERATIONS: Final[dict[str, Any]] = {
    "publishAlert": _operation("alerts", "Tell of every revision of every alert."),
    "publishRetrain": _operation("retrain", "Ask for a retraining, and tell when it is over."),
    "streamAlert": _operation("alertStream", "Tell of the alerts that the client asked for."),
    "callWebhook": _operation("webhook", "Tell of the alerts that are routed there.")
    | {"bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}}},
}


def _messages() -> dict[str, Any]:
    return {
        name: {
            "name": name,
            "title": what,
            "contentType": CONTENT_TYPE,
            "payload": {"$ref": _REF.format(model=model.__name__)},
        }
        for name, (model, what) in MESSAGES.items()
    }


def _schemas() -> dict[str, Any]:
    models: list[tuple[str, Literal["validation"], TypeAdapter[Any]]] = [
        (name, "validation", TypeAdapter(model)) for name, (model, _) in MESSAGES.items()
    ]
    _, schemas = TypeAdapter.json_schemas(models, ref_template=_REF)
    plain: dict[str, Any] = _without_discriminators(schemas["$defs"])
    return plain


def _without_discriminators(part: Any) -> Any:
    """AsyncAPI's discriminator is another one than OpenAPI's; each variant says its kind anyway."""
    if isinstance(part, dict):
        kept = (item for item in part.items() if item[0] != "discriminator")
        return {key: _without_discriminators(value) for key, value in kept}
    if isinstance(part, list):
        return [_without_discriminators(one) for one in part]
    return part
