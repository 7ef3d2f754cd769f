"""What the log says: a line per event with a machine word and the request's id, no secrets."""

import logging
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

import psycopg2
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

request_id: ContextVar[str] = ContextVar("request_id", default="-")
ACCEPTABLE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestIdMiddleware:
    """Takes X-Request-ID from the client when it is harmless, else makes one; always returns it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        chosen = given if ACCEPTABLE_REQUEST_ID.fullmatch(given) else uuid4().hex
        token = request_id.set(chosen)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = chosen
        return response


class RequestIdFilter(logging.Filter):
    """Puts the request's id on every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class LineFormatter(logging.Formatter):
    """One line a record; what PostgreSQL says beyond its first line is left out of tracebacks.

    There (DETAIL, CONTEXT, LINE) it quotes the row or the statement: numbers, names and contexts.
    """

    def formatException(self, ei: Any) -> str:
        text, error = super().formatException(ei), ei[1]
        for one in _chain(error):
            if isinstance(one, psycopg2.Error | DatabaseError):
                said = str(one)
                text = text.replace(said, said.partition("\n")[0]) if said else text
        return text


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]


def logging_settings(level: str) -> dict[str, Any]:
    """Django's LOGGING for the given level name; warnings and up for chatty libraries."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "scheduler_project.logs.RequestIdFilter"}},
        "formatters": {
            "line": {
                "()": "scheduler_project.logs.LineFormatter",
                "fmt": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["request_id"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            "celery": {"level": "WARNING" if level.upper() == "INFO" else level.upper()},
            "kombu": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            # Below this level these two write whole URLs, and a query may hold a customer's key.
            "urllib3.connection": {"level": "ERROR"},
            "urllib3.connectionpool": {"level": "ERROR"},
            "django.request": {"level": "ERROR"},
        },
    }
