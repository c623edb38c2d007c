"""The OpenAPI document: it is valid, it is what docs/reference has, and the API keeps to it."""

import json
from collections.abc import Iterator
from typing import Any

import hypothesis
import jsonschema
import pytest
import schemathesis
from django.test import Client
from ninja import NinjaAPI
from pytest_django.live_server_helper import LiveServer
from schemathesis.specs.openapi import checks
from schemathesis.specs.openapi.definitions import OPENAPI_31

from scripts.steps import ROOT
from tests.api.conftest import BASE, Caller, MakeKey
from tests.helpers import PARENT, request
from unsub.models import BusinessUnit, DailyCount

pytestmark = pytest.mark.django_db
FILE = ROOT / "docs" / "reference" / "openapi.json"
BOUNDED = hypothesis.settings(
    max_examples=6, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)  # fmt: skip
# In place of values that fit the document and name nothing that there is.
REAL = {
    "unit": PARENT, "subscriber": {"subscriber_id": 1001}, "scope": "all", "reason": "",
    "reason_text": "", "cursor": "",
}  # fmt: skip
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
]


@pytest.fixture
def document() -> dict[str, Any]:
    """The document as the API answers with it, to everybody."""
    answer = Client().get(f"{BASE}/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield each object in a document."""
    if isinstance(value, dict):
        yield value
    for one in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from nodes(one)


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    jsonschema.Draft202012Validator(OPENAPI_31).validate(document)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_document_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Client().get(f"{BASE}/openapi.json").json()

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(NinjaAPI, "get_openapi_schema", fail)
    assert Client().get(f"{BASE}/openapi.json").json() == first


def test_each_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    used = {one["$ref"] for one in nodes(document) if isinstance(one.get("$ref"), str)}
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert used
    assert used <= known


def test_the_reference_has_the_document(document: dict[str, Any]) -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == document


def test_each_operation_says_how_it_authenticates_and_fails(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"ApiKeyAuth": []}], path
            errors = {name: one for name, one in operation["responses"].items() if name >= "400"}
            assert {"401", "403", "429", "503"} <= set(errors), path
            for one in errors.values():
                assert list(one["content"]) == ["application/problem+json"]
            if method == "post":
                assert "413" in errors


@pytest.mark.django_db(transaction=True)
def test_whatever_is_sent_the_answer_is_as_the_document_says(
    unit: BusinessUnit, make_key: MakeKey, live_server: LiveServer
) -> None:
    caller = make_key(unit, may_name=True, per_minute=100_000)
    DailyCount.objects.create(day="2026-03-01", mid=unit.mid, by="state", key="done", number=3)
    request()
    schema = schemathesis.openapi.from_url(f"{live_server.url}{BASE}/openapi.json")
    schema.config.update(base_url=live_server.url)
    tried = [_try(one, caller) for one in schema.get_all_operations()]
    assert len(tried) == 10
    assert all(tried)
    assert {200, 202, 404, 422} <= set().union(*tried)


def _try(parsed: Any, caller: Caller) -> set[int]:
    """Call an operation with values that fit the document, and with others. Return the statuses of
    the answers."""
    operation, modes = parsed.ok(), schemathesis.GenerationMode
    found: set[int] = set()

    def call(case: Any) -> None:
        answer = case.call_and_validate(headers=caller.headers(), checks=CHECKS, timeout=60)
        found.add(answer.status_code)

    @BOUNDED
    @hypothesis.given(case=operation.as_strategy(generation_mode=modes.POSITIVE))
    def call_well(case: Any) -> None:
        if isinstance(case.body, dict):
            case.body |= {name: one for name, one in REAL.items() if name in case.body}
        call(case)

    @BOUNDED
    @hypothesis.given(case=operation.as_strategy(generation_mode=modes.NEGATIVE))
    def call_badly(case: Any) -> None:
        call(case)

    call_well()
    call_badly()
    return found
