"""A call service on a local port: the `http` protocol, with an append-only log, the judge."""

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import requests

SECRET_BYTES = b"a call service's secret, 32 byte"
SECRET = "whsec_" + base64.b64encode(SECRET_BYTES).decode()
TOKEN = "call-service-token"


class QuietHandler(BaseHTTPRequestHandler):
    """A request handler that keeps connections and prints nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def body(self) -> bytes:
        """The request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: Any = None) -> None:
        """A JSON answer."""
        raw = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def serving(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """A server on a free local port, in a thread of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@dataclass
class CallService:
    """Accepts calls, logs each, and reports the end of each by a signed callback.

    `outcome_of` names the final status by the request's body; None reports nothing.
    """

    outcome_of: Callable[[dict[str, Any]], str | None] = lambda call: "completed"
    duration: int = 42
    callback_after: float = 0.2
    #: seconds between accepting a call and answering so
    answer_after: float = 0.0
    #: every call placed: {"at": Unix seconds, **the request's body}
    log: list[dict[str, Any]] = field(default_factory=list)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: HTTP statuses of our callbacks' answers
    answers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        service = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                with contextlib.suppress(ConnectionError):  # the worker may be dead by now
                    self.answer(*service.place(json.loads(self.body())))

            def do_GET(self) -> None:
                self.answer(*service.look_up(self.path))

        self.server = serving(Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def place(self, call: dict[str, Any]) -> tuple[int, Any]:
        """Rings: the same attempt id again is the same call."""
        self.log.append({"at": time.time(), **call})
        call_id = f"call-{uuid4()}"
        self.states[call["attempt_id"]] = {
            "call_id": call_id,
            "attempt_id": call["attempt_id"],
            "status": "ringing",
        }
        outcome = self.outcome_of(call)
        if outcome is not None:
            threading.Timer(self.callback_after, self.report, (call, outcome)).start()
        time.sleep(self.answer_after)  # a slow service is part of the test's story
        return 200, {"call_id": call_id, "status": "queued"}

    def look_up(self, path: str) -> tuple[int, Any]:
        """A call by its id, or calls by attempt id."""
        parts = urlsplit(path)
        if wanted := parse_qs(parts.query).get("attempt_id"):
            found = self.states.get(wanted[0])
            return 200, {"calls": [found] if found else []}
        call_id = parts.path.rsplit("/", 1)[-1]
        known = [state for state in self.states.values() if state["call_id"] == call_id]
        return (200, known[0]) if known else (404, {})

    def report(self, call: dict[str, Any], outcome: str) -> None:
        """Tells the scheduler how the call ended."""
        state = self.states[call["attempt_id"]]
        state |= {"status": outcome, "duration": self.duration if outcome == "completed" else 0}
        with contextlib.suppress(requests.ConnectionError):  # the scheduler may be down by now
            self.answers.append(self.call_back(call["callback_url"], state))

    def call_back(self, url: str, state: dict[str, Any], event_id: str = "") -> int:
        """Sends one signed callback; returns the answer's status."""
        body = json.dumps({"event_id": event_id or str(uuid4()), **state}).encode()
        message, stamp = str(uuid4()), str(int(time.time()))
        signed = b".".join([message.encode(), stamp.encode(), body])
        digest = hmac.new(SECRET_BYTES, signed, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }
        return requests.post(url, data=body, headers=headers, timeout=10).status_code

    def rings_of(self, schedule_id: str) -> list[dict[str, Any]]:
        """The calls placed for one scheduled call."""
        return [call for call in self.log if call["schedule_id"] == schedule_id]

    def close(self) -> None:
        """Stops serving."""
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Sink:
    """A customer's webhook receiver: keeps what comes, answers 204."""

    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        sink = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                sink.received.append((headers, self.body()))
                self.answer(204)

        self.server = serving(Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/call-executed"

    def events_of(self, schedule_id: str) -> list[dict[str, Any]]:
        """The bodies about one scheduled call, in the order of their arrival."""
        bodies = [json.loads(body) for _, body in self.received]
        return [body for body in bodies if body["data"].get("schedule_id") == schedule_id]

    def close(self) -> None:
        """Stops serving."""
        self.server.shutdown()
        self.server.server_close()
