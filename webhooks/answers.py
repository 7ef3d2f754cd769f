"""What came back from a customer's system, or why nothing did, in words for the operator; pure."""

import socket
import ssl
from dataclasses import dataclass

EXCERPT_BYTES = 1024
TOO_SLOW = "The endpoint did not answer in time (3 s to connect, 15 s in all)."


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try. `error` is the operator's sentence, empty for a 2xx."""

    status_code: int | None = None
    error: str = ""
    #: the first kibibyte of the body
    excerpt: str = ""
    #: seconds or an HTTP date, as the endpoint wrote it
    retry_after: str = ""
    #: another try is of no use: 410, or a URL that may never be used
    final: bool = False
    #: the endpoint kept us waiting until the time was over
    timed_out: bool = False

    @property
    def troubled(self) -> bool:
        """Whether the endpoint is better left alone for a while: it is slow, or says so."""
        return self.timed_out or self.status_code == 429


class Refused(OSError):
    """The guard does not let this connection through; the text is the operator's sentence."""


def from_response(code: int, retry_after: str, body: bytes, timed_out: bool) -> Answer:
    """What an HTTP answer means. Only 2xx is success; what follows the status line is decoration.

    A body that drips until the time is over does not undo a 2xx: the message has been taken.
    """
    return Answer(
        status_code=code,
        error=_error(code),
        excerpt=excerpt_of(body),
        retry_after=retry_after,
        final=code == 410,
        timed_out=timed_out,
    )


def from_exception(error: Exception) -> Answer:
    """What a failure below HTTP means. Never the library's own text: that may hold the URL."""
    causes = _causes(error)
    for one in causes:
        if isinstance(one, Refused):
            return Answer(error=str(one))
    for kinds, sentence in _SENTENCES:
        if any(isinstance(one, kinds) for one in causes):
            return Answer(error=sentence, timed_out=sentence is TOO_SLOW)
    return Answer(error="The endpoint broke the connection or answered something else than HTTP.")


def excerpt_of(body: bytes) -> str:
    """The first kibibyte as text that PostgreSQL can keep: no NUL, no broken characters."""
    text = body[:EXCERPT_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return text.encode()[:EXCERPT_BYTES].decode("utf-8", "ignore")


def _error(code: int) -> str:
    if 200 <= code < 300:
        return ""
    if 300 <= code < 400:
        return f"The endpoint answered {code}, a redirect; give the final URL, none is followed."
    if code == 410:
        return "The endpoint answered 410: it is gone for good."
    return f"The endpoint answered {code}."


#: the first kind that occurs among the causes names the sentence
_SENTENCES: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror,), "The host name was not found in DNS."),
    ((ssl.SSLCertVerificationError,), "The TLS certificate is not valid for this host."),
    ((ssl.SSLError,), "The TLS handshake failed."),
    ((ConnectionRefusedError,), "The connection was refused."),
    ((TimeoutError,), TOO_SLOW),
)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it was raised from or carries, outermost first."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
