"""A question to the call service and its answer, blocking; it may be put again.

No retries, no redirects, no proxies, no `.netrc` and no cookies all the same; the whole exchange
ends at the request's deadline; at most 64 KiB of an answer are read, as they come, never unpacked.
Requests that place a call go through `dial_client.py`. No other room has sockets to the service.
"""

import os

import requests
import urllib3

from executions.providers.base import (
    MAX_ANSWER_BYTES,
    CallProvider,
    HttpRequest,
    HttpResponse,
    LostError,
    Unreachable,
)
from executions.providers.deadline import deadline
from executions.providers.deadline_adapter import adapter
from executions.providers.dial_client import CONNECT_SECONDS, HEADERS
from executions.providers.failures import sentence


def ask(request: HttpRequest, provider: CallProvider) -> HttpResponse:
    """The answer to a question (lookup, poll, hang-up); raises Unreachable when none came."""
    try:
        if provider.transport is not None:
            return provider.transport.answer(request)
        with deadline(request.deadline):
            return _ask_by_http(request)
    except (
        LostError,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
        ValueError,
    ) as error:
        raise Unreachable(sentence(error)) from error


def _ask_by_http(request: HttpRequest) -> HttpResponse:
    headers = {**request.headers, **HEADERS}
    prepared = requests.Request(request.method, request.url, headers, data=request.body).prepare()
    # The adapter alone, no Session: redirects, cookies, proxies and .netrc are the Session's.
    answer = adapter(os.getpid()).send(
        prepared, stream=True, timeout=(min(CONNECT_SECONDS, request.deadline), request.deadline)
    )
    try:
        body = answer.raw.read(MAX_ANSWER_BYTES + 1, decode_content=False)
    finally:
        answer.close()
    named = {name.lower(): value for name, value in answer.headers.items()}
    return HttpResponse(answer.status_code, named, body)
