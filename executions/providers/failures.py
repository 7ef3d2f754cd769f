"""Says in one sentence what went wrong between the call service and us; pure."""

import asyncio
import socket
import ssl
from collections.abc import Iterator

import httptools

from executions.providers.base import TransportError


def sentence(error: BaseException) -> str:
    """What went wrong on the way, for the operator. Never a library's text: it may hold a URL."""
    if isinstance(error, asyncio.CancelledError):
        return "The request was called off while it was under way."
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, TransportError):
            return one.reason
    for kind, text in _SENTENCES:
        if any(isinstance(one, kind) for one in chain):
            return text
    return f"The exchange with the call service failed ({type(error).__name__})."


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "The call service's host name was not found in DNS."),
    (ssl.SSLCertVerificationError, "The call service's TLS certificate is not valid."),
    (ssl.SSLError, "The TLS handshake with the call service failed."),
    (ConnectionRefusedError, "The call service refused the connection."),
    (TimeoutError, "The call service did not answer in time."),
    (ConnectionError, "The connection to the call service broke."),
    (httptools.HttpParserError, "The call service answered something that is not HTTP."),
    (httptools.HttpParserUpgrade, "The call service answered something that is not HTTP."),
)
