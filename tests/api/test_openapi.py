"""The OpenAPI document: valid, without gaps, and true for what the API really answers."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.validation import validate_schema

from tests.client import Api
from tests.rows import make_attempt, make_execution


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    from drf_spectacular.generators import SchemaGenerator

    generator: Any = SchemaGenerator
    made: dict[str, Any] = generator().get_schema(request=None, public=True)
    return made


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_a_valid_openapi_3_1_document(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    check: Any = validate_schema
    check(document)


def test_nothing_in_it_had_to_be_guessed(tmp_path: Any) -> None:
    out = str(tmp_path / "schema.yaml")
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", out)


def test_every_operation_has_a_name_of_its_own_a_tag_and_a_summary(
    document: dict[str, Any],
) -> None:
    found = operations(document)
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(set(ids)) == len(ids)
    assert all(operation["tags"] and operation["summary"] for _, _, operation in found)


def test_addresses_have_no_last_slash(document: dict[str, Any]) -> None:
    assert [path for path in document["paths"] if path.endswith("/")] == []


def test_every_address_of_the_api_is_in_it(document: dict[str, Any]) -> None:
    served = {
        route.replace("<str:", "{").replace(">", "}")
        for route in routes(get_resolver().url_patterns)
        if route.startswith("/api/") and not route.endswith("/") and "providers" not in route
    } - {"/api/schema", "/api/docs"}
    assert served == set(document["paths"])


def routes(patterns: Any, start: str = "/") -> list[str]:
    found: list[str] = []
    for pattern in patterns:
        route = start + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            found.append(route)
    return found


def test_every_operation_says_what_goes_wrong(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        wanted = {"401", "400", "429", "503"} | ({"404"} if "{" in path else set())
        assert wanted <= operation["responses"].keys(), (method, path)
        for status in ("429", "503"):
            assert operation["responses"][status]["headers"]["Retry-After"]["required"]


@pytest.mark.parametrize(
    ("method", "template", "status"),
    [
        ("get", "/api/scheduled-calls", "200"),
        ("get", "/api/scheduled-calls/{schedule_id}", "200"),
        ("get", "/api/scheduled-calls/{schedule_id}/history", "200"),
        ("get", "/api/executions", "200"),
        ("get", "/api/executions/{execution_id}", "200"),
        ("post", "/api/scheduled-calls/{schedule_id}/pause", "200"),
        ("delete", "/api/scheduled-calls/{schedule_id}", "200"),
        ("get", "/api/scheduler/health", "200"),
        ("put", "/api/scheduled-calls/{schedule_id}", "400"),
    ],
)
def test_it_describes_what_is_really_answered(
    api: Api, document: dict[str, Any], method: str, template: str, status: str
) -> None:
    call = api.schedule_recurring(
        webhook_url="https://yourapp.com/x", retry_policy={"max_retries": 1}
    )
    execution = make_execution(call["id"], details={"summary": "x"})
    make_attempt(execution)
    path = template.format(schedule_id=call["id"], execution_id=execution.pk)
    answer = api.send(method, path.removeprefix("/api/"), {"x": 1} if method == "put" else None)
    assert str(answer.status_code) == status
    (content,) = document["paths"][template][method]["responses"][status]["content"].values()
    schema = {**content["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.json())


def test_bodies_that_are_accepted_fit_it(api: Api, document: dict[str, Any]) -> None:
    from tests.client import one_time, recurring

    bodies = {"/api/scheduled-calls": one_time(), "/api/scheduled-calls/recurring": recurring()}
    for path, body in bodies.items():
        content = document["paths"][path]["post"]["requestBody"]["content"]
        jsonschema.Draft202012Validator(content["application/json"]["schema"]).validate(body)


def test_the_document_and_its_page_are_served_without_a_token(nobodys_api: Api) -> None:
    assert nobodys_api.get("schema").status_code == 200
    page = nobodys_api.get("docs")
    assert page.status_code == 200
    assert b"http://" not in page.content
    assert b"https://" not in page.content
