"""Before a body is read: how large it may be, also when its sender does not say so."""

import io
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from scheduler_project.errors import CONTENT_TYPE, TooLarge, document


class BodyLimitMiddleware:
    """413 for bodies beyond DATA_UPLOAD_MAX_MEMORY_SIZE; reads chunked ones.

    Django takes a request without a Content-Length for an empty one. A server that takes the
    chunks apart itself (gunicorn) says so with `wsgi.input_terminated`, and its input may be read
    to the end.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = request.META.get("CONTENT_LENGTH") or ""
        if length.isdigit() and int(length[:18]) > limit:
            return _too_large()
        if not length and request.META.get("wsgi.input_terminated"):
            body = request.META["wsgi.input"].read(limit + 1)
            if len(body) > limit:
                return _too_large()
            request._stream = io.BytesIO(body)  # where Django reads from
            request.META["CONTENT_LENGTH"] = str(len(body))
        return self.get_response(request)


def _too_large() -> HttpResponse:
    problem = TooLarge()
    body = document(problem.status, problem.detail, code=problem.code)
    return JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE)
