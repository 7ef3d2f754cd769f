"""What goes wrong, in words: exceptions become problem documents after RFC 9457.

Problem
├── Invalid      400  something in the body, the query or the path is wrong; names the fields
├── NotFound     404  no such row, or not yours: the answer is the same
├── Conflict     409  the row is not in a state that allows this
└── Unavailable  503  the database is away, or takes no changes
"""

import http
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2.errors
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
JSON = JSONRenderer()
RETRY_AFTER = "5"  # seconds


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its name, a machine word, and what would be right."""

    field: str
    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """As JSON shows it."""
        return {"field": self.field, "code": self.code, "message": self.message}


class Problem(Exception):
    """The request cannot be fulfilled."""

    status = 400
    code = "problem"

    def __init__(
        self, detail: str = "", *, code: str = "", errors: Sequence[FieldError] = ()
    ) -> None:
        self.detail = detail or (self.__doc__ or "").strip()
        self.code = code or self.code
        self.errors = list(errors)
        #: members of the document besides the usual ones (RFC 9457 section 3.2)
        self.extensions: dict[str, Any] = {}
        super().__init__(self.detail)


class Invalid(Problem):
    """Something in the request is not as it should be; `errors` says what would be right."""

    code = "invalid"

    def __init__(self, detail: str = "", *, errors: Sequence[FieldError] = ()) -> None:
        sentence = detail or " ".join(f"{e.field}: {e.message}" for e in errors)
        super().__init__(sentence, errors=errors)


class NotFound(Problem):
    """There is no such thing here."""

    status = 404
    code = "not_found"


class Conflict(Problem):
    """The state of this does not allow that."""

    status = 409
    code = "conflict"


class Unavailable(Problem):
    """The database is away for the moment; nothing was changed. Ask again in a few seconds."""

    status = 503
    code = "unavailable"


class ProblemErrorSerializer(serializers.Serializer[Any]):
    """One wrong field in a problem document."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document, for the OpenAPI schema."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = ProblemErrorSerializer(many=True, required=False)  # type: ignore[assignment]

    class Meta:
        ref_name = "Problem"


def document(
    status: int, detail: str, *, code: str = "", errors: Sequence[FieldError] = ()
) -> dict[str, Any]:
    """The members of one problem document."""
    title = http.HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code or title.lower().replace(" ", "_"),
    }
    if errors:
        body["errors"] = [error.as_dict() for error in errors]
    return body


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error it knows becomes a problem document, no other shape."""
    asked = context["request"]  # a problem is JSON, also where YAML was asked for
    asked.accepted_renderer, asked.accepted_media_type = JSON, JSON.media_type
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    if isinstance(error, ValidationError):
        error = Invalid(" ".join(error.messages))
    if database_is_away(error):
        log.warning("database_away: %s", type(error.__cause__ or error).__name__)
        connection.close()  # it may lead to a server that takes no changes any more
        error = Unavailable()
    if isinstance(error, Problem):
        data = document(error.status, error.detail, code=error.code, errors=error.errors)
        data |= error.extensions
        headers = {"Retry-After": RETRY_AFTER} if isinstance(error, Unavailable) else None
        return Response(data, status=error.status, content_type=CONTENT_TYPE, headers=headers)
    answer = exception_handler(error, context)
    if answer is None:
        return None
    answer.data = document(answer.status_code, _sentence(error), code=_code(error))
    answer.content_type = CONTENT_TYPE
    return answer


def database_is_away(error: Exception) -> bool:
    """Whether it is the database that cannot do now what it could do later."""
    read_only = isinstance(error.__cause__, psycopg2.errors.ReadOnlySqlTransaction)
    return read_only or isinstance(error, OperationalError | InterfaceError)


class TooLarge(Problem):
    """The body is too large."""

    status = 413
    code = "too_large"


def _sentence(error: Exception) -> str:
    if isinstance(error, Http404):
        return "There is no such thing here."
    detail = getattr(error, "detail", "")
    return str(detail[0] if isinstance(detail, list) and detail else detail)


def _code(error: Exception) -> str:
    return error.get_codes() if _plain(error) else ""  # type: ignore[attr-defined]


def _plain(error: Exception) -> bool:
    return isinstance(error, exceptions.APIException) and isinstance(error.get_codes(), str)


def page_not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's 404 for addresses that no view serves."""
    body = document(
        404, f"There is nothing at {request.path[:200]}; /api/docs lists what there is."
    )
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's 400 for requests that never reach a view, such as an unknown host name."""
    body = document(400, "The request's address or headers are not acceptable here.")
    return JsonResponse(body, status=400, content_type=CONTENT_TYPE)


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's 500: a defect of ours, told without its insides; the log has them."""
    body = document(500, "Something went wrong here; the log has it under the X-Request-ID.")
    return JsonResponse(body, status=500, content_type=CONTENT_TYPE)
