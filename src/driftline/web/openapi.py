"""What the OpenAPI document says beside what FastAPI finds in the routes."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from driftline.web.problems import CONTENT_TYPE, Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

TITLE: Final = "driftline"
VERSION: Final = version("driftline")
DESCRIPTION: Final = """\
Drift alerts, what they stand on, and what people say of them.

Every request but those of the health pages and of this document carries a bearer token, made by
`driftline tokens create NAME --scope read|write|admin`. Every error is a problem document (RFC
9457). Lists come in pages: `next` is handed in again as `cursor`.
"""
METHODS: Final = ("get", "post", "delete")


def describe(app: FastAPI) -> None:
    """Have the application hand out the whole document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI's documentation has it


def build_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, in which every error is a problem."""
    document = get_openapi(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        "Problem": {"description": "It was not done, and why.", "content": content}
    }
    for path in document["paths"].values():
        for method in METHODS:
            if method in path:
                _with_problems(path[method])
    return document


def _with_problems(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = {"$ref": "#/components/responses/Problem"}
