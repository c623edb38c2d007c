"""The API: its operations, its errors and its document."""

import json
import re
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from . import counting, reading, signing, submitting, units
from .document import PREFIX, described, finished
from .problems import ApiProblem, answer, unavailable

log = structlog.get_logger(__name__)
VERSION = "1.0.0"
# Of the place of an error: names of our own fields, and positions. A field that we do not know has
# a name that the client made up.
_OURS = re.compile(r"[a-z_]{1,30}|[0-9]{1,4}")
# Texts of pydantic that repeat a value.
_TEXTS = {
    "union_tag_invalid": "Not one of the types.",
    "extra_forbidden": "Unknown field.",
}


# By PUBLIC_URL, which is in it.
_documents: dict[str, Any] = {}


class _JsonParser(Parser):
    """Reads JSON in which no object has a name twice: of two scopes or lists nobody could say which
    is meant, as in a link."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Return the object of a body. Raises ValueError, which becomes a 400."""
        body: dict[str, Any] = json.loads(request.body, object_pairs_hook=_once_each)
        return body


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name is given twice")
    return made


class Api(NinjaAPI):
    """The API with the document of `document`, whose errors are problems."""

    def get_openapi_schema(self, **more: Any) -> Any:
        """Return the OpenAPI document. Made once: it takes a twelfth of a second, and who asks for
        it needs no key."""
        address = settings.PUBLIC_URL
        if address not in _documents:
            more["path_prefix"] = PREFIX
            _documents[address] = finished(super().get_openapi_schema(**more))
        return _documents[address]


def make() -> NinjaAPI:
    """Return the API with all operations."""
    made = Api(
        title="Profile Center",
        version=VERSION,
        description=described(),
        docs_url=None,
        urls_namespace="api",
        parser=_JsonParser(),
        openapi_extra={"info": {"license": {"name": "MIT", "identifier": "MIT"}}},
    )
    for router in (submitting, reading, counting, units, signing):
        made.add_router("", router.router)
    for kind, handler in _HANDLERS.items():
        made.add_exception_handler(kind, handler)
    return made


def _problem(_request: HttpRequest, err: Any) -> HttpResponse:
    return answer(err)


def _invalid(_request: HttpRequest, err: Any) -> HttpResponse:
    """Return 422 with the fields, and nothing of their values."""
    fields: dict[str, str] = {}
    for one in err.errors:
        name = _field(one)
        fields.setdefault(name, _TEXTS.get(str(one["type"]), str(one["msg"])))
    return answer(ApiProblem(422, fields=fields))


def _field(error: dict[str, Any]) -> str:
    """Return the place of an error, without the name of a field that the client made up."""
    place = [str(part) for part in error["loc"][1:]]
    if error["type"] == "extra_forbidden":
        place = [*place[:-1], "?"]
    known = [part if part == "?" or _OURS.fullmatch(part) else "?" for part in place]
    # Before the field stands the parameter of our function.
    return ".".join(known[1:] if known[:1] in (["body"], ["query"]) else known) or "body"


def _http(_request: HttpRequest, err: Any) -> HttpResponse:
    return answer(ApiProblem(err.status_code))


def _not_found(_request: HttpRequest, _err: Any) -> HttpResponse:
    return answer(ApiProblem(404))


def _database(_request: HttpRequest, err: Any) -> HttpResponse:
    """Return 503 where the database does not answer."""
    log.warning("api_database_unavailable", error=type(err).__name__)
    return answer(unavailable())


def _unexpected(_request: HttpRequest, err: Exception) -> HttpResponse:
    """Leave every other error to Django, which logs it."""
    raise err


_HANDLERS: dict[type[Exception], Any] = {
    ApiProblem: _problem,
    ValidationError: _invalid,
    HttpError: _http,
    Http404: _not_found,
    OperationalError: _database,
    InterfaceError: _database,
    Exception: _unexpected,
}

api = make()
