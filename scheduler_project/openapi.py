"""What the OpenAPI document says besides the views: the problem documents every call can answer."""

from typing import Any

PROBLEM = {"$ref": "#/components/schemas/Problem"}
ALWAYS = {
    "401": "No token, or one that is not valid.",
    "429": "Too many requests within a minute; nothing was done.",
    "503": "The database is away, or takes no changes; nothing was done.",
}
WITH_RETRY_AFTER = {"429", "503"}
RETRY_AFTER = {
    "description": "Whole seconds after which to ask again.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
WITH_QUERY = {"400": "A filter, limit or cursor is wrong."}
WITH_ID = {"404": "No such row, or not yours."}
WITH_BODY = {
    "400": "Something in the body is wrong; `errors` names the fields.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
}


def add_problems(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """A drf-spectacular hook: adds the problem answers that are not written at the view."""
    result["components"].setdefault("schemas", {}).setdefault("Problem", _problem_schema())
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            for status, sentence in _problems(path, method, operation).items():
                operation["responses"].setdefault(status, _answer(status, sentence))
    return result


def _answer(status: str, sentence: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": PROBLEM}}
    headers = {"headers": {"Retry-After": RETRY_AFTER}} if status in WITH_RETRY_AFTER else {}
    return {"description": sentence, **headers, "content": content}


def _problems(path: str, method: str, operation: dict[str, Any]) -> dict[str, str]:
    if not operation.get("security"):
        return {}
    return {
        **ALWAYS,
        **(WITH_QUERY if method == "get" else WITH_BODY),
        **(WITH_ID if "{" in path else {}),
    }


def _problem_schema() -> dict[str, Any]:
    field_error = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
        "required": ["field", "code", "message"],
    }
    return {
        "type": "object",
        "properties": {
            **{name: {"type": "string"} for name in ("type", "title", "detail", "code")},
            "status": {"type": "integer"},
            "errors": {"type": "array", "items": field_error},
        },
        "required": ["type", "title", "status", "detail", "code"],
    }
