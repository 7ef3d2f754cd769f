"""Before a body is read: how large it may be, also when its sender does not say so."""

import tempfile
from collections.abc import Callable
from typing import IO, BinaryIO, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from scheduler_project.errors import CONTENT_TYPE, TooLarge, document

PIECE = 64 * 1024
KIB, MIB = 1024, 1024 * 1024


class BodyLimitMiddleware:
    """413 for bodies beyond MAX_BODY_BYTES, or what LARGER_BODIES allows here; reads chunked ones.

    Django takes a request without a Content-Length for an empty one. A server that takes the
    chunks apart itself (gunicorn) says so with `wsgi.input_terminated`, and its input may be read
    to the end. Nobody has looked at the token yet: a large one waits on disk, not in memory.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = settings.LARGER_BODIES.get(request.path_info.rstrip("/"), settings.MAX_BODY_BYTES)
        length = request.META.get("CONTENT_LENGTH") or ""
        if length.isdigit() and int(length[:18]) > limit:
            return _too_large(limit)
        if length or not request.META.get("wsgi.input_terminated"):
            return self.get_response(request)
        with tempfile.SpooledTemporaryFile(max_size=settings.MAX_BODY_BYTES) as body:
            if (size := _copy(request.META["wsgi.input"], body, limit)) > limit:
                return _too_large(limit)
            body.seek(0)
            request._stream = cast(BinaryIO, body)  # where Django reads from
            request.META["CONTENT_LENGTH"] = str(size)
            return self.get_response(request)


def _copy(source: IO[bytes], target: IO[bytes], limit: int) -> int:
    """Copies until the source ends or is beyond the limit; returns how many bytes it were."""
    size = 0
    while size <= limit and (piece := source.read(PIECE)):
        target.write(piece)
        size += len(piece)
    return size


def _too_large(limit: int) -> HttpResponse:
    accepted = f"{limit // MIB} MiB" if limit >= MIB else f"{limit // KIB} KiB"
    problem = TooLarge(f"The body is too large; {accepted} are accepted here.")
    body = document(problem.status, problem.detail, code=problem.code)
    return JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE)
