"""A call service in a process of its own: its append-only log alone says what rang.

A line is written before anything is answered. It never takes two requests for one: an attempt that
comes twice rings twice, and stands in the log twice. Commands come as JSON lines on its input.
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import requests

from tests.call_service import SECRET_BYTES, QuietHandler
from tests.faults.behaviours import ANSWERS, TABLE, Behaviour
from tests.faults.victims import process_behind, strike

HUGE = 10 * 1024 * 1024
WORKER_FAULTS = {"kill": signal.SIGKILL, "kill_whole": signal.SIGKILL, "stop": signal.SIGSTOP}


class Log:
    """JSON lines, each written by one unbuffered append: they outlive a killed process."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, **said: Any) -> None:
        """One line with the time, in seconds since 1970."""
        line = json.dumps({"event": event, "at": time.time(), **said}) + "\n"
        os.write(self._file, line.encode())


class Service:
    """What the service knows: the calls it placed, and what to do at the next connections."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.log = Log(options.log)
        self.calls: dict[str, dict[str, Any]] = {}
        self.seen: Counter[str] = Counter()
        #: what to do to the next so many processes that connect, before a byte of theirs is read
        self.at_accept: list[str] = []
        self._turn = threading.Lock()

    def obey(self) -> None:
        """Takes commands until the input ends, and then ends the process: its master is gone."""
        for line in sys.stdin:
            command = json.loads(line)
            with self._turn:
                self.at_accept = [command["do"]] * command["times"]
            sys.stdout.write("done\n")
            sys.stdout.flush()
        os._exit(0)

    def connected(self, port: int) -> bool:
        """Whether a new connection is to be served; False when its process was struck instead."""
        with self._turn:
            fault = self.at_accept.pop() if self.at_accept else ""
        if fault:
            self.strike(fault, port, "accept")
        return fault != "kill"

    def strike(self, fault: str, port: int, where: str) -> None:
        """Kills or freezes the process at the other end; what is frozen is let go in time."""
        pid = process_behind(self.options.run, port, self.options.port)
        whole = fault == "kill_whole"
        if pid is None or not strike(pid, WORKER_FAULTS[fault], whole=whole):
            self.log.write("nobody", fault=fault, where=where)
            return
        self.log.write(fault, pid=pid, where=where)
        if fault == "stop":
            timer = threading.Timer(self.options.freeze, strike, (pid, signal.SIGCONT))
            timer.daemon = True
            timer.start()

    def ring(self, call: dict[str, Any], behaviour: Behaviour) -> dict[str, Any]:
        """Rings: the log's line, and from now on lookups know the call."""
        state = {
            "call_id": f"call-{uuid4()}",
            "attempt_id": call["attempt_id"],
            "status": "queued" if behaviour.callbacks else behaviour.outcome,
            "duration": 0 if behaviour.callbacks else 7,
        }
        kept = {name: call[name] for name in ("schedule_id", "scheduled_time", "agent_id")}
        self.log.write("ring", **kept, **state)
        known_from = time.time() + behaviour.lookup_lag * self.options.settle
        self.calls.setdefault(call["attempt_id"], {**state, "known_from": known_from})
        return state

    def look_up(self, path: str) -> tuple[int, Any]:
        """A call by its id, or calls by attempt id, as far as they are known yet."""
        parts, now = urlsplit(path), time.time()
        known = [call for call in list(self.calls.values()) if call["known_from"] <= now]
        if wanted := parse_qs(parts.query).get("attempt_id"):
            found = [_shown(call) for call in known if call["attempt_id"] == wanted[0]]
            return 200, {"calls": found}
        call_id = parts.path.rsplit("/", 1)[-1]
        found = [_shown(call) for call in known if call["call_id"] == call_id]
        return (200, found[0]) if found else (404, {})

    def call_back(self, call: dict[str, Any], behaviour: Behaviour) -> None:
        """Reports on the call, rightly or wrongly, as its behaviour says."""
        state, event_id = self.calls[call["attempt_id"]], str(uuid4())
        for status, how in behaviour.callbacks:
            if how in ("good", "same"):
                state |= {"status": status, "duration": 7 if status == "completed" else 0}
            body = _shown(state) | {"status": status}
            body["event_id"] = event_id if how == "same" else str(uuid4())
            answer = self._post(call["callback_url"], body, how)
            self.log.write("callback", how=how, status=answer, attempt_id=call["attempt_id"])
        state |= {"status": "completed", "duration": 7}

    def _post(self, url: str, body: dict[str, Any], how: str) -> int:
        secret = b"somebody else's secret" if how == "forged" else SECRET_BYTES
        stamp = str(int(time.time()) - (3600 if how == "old" else 0))
        if how == "elsewhere":  # an address that was made for nobody
            url = url[:-1] + ("1" if url.endswith("0") else "0")
        raw, message = json.dumps(body).encode(), str(uuid4())
        signed = b".".join([message.encode(), stamp.encode(), raw])
        digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{digest}",
        }
        try:
            return requests.post(url, data=raw, headers=headers, timeout=10).status_code
        except requests.RequestException:
            return 0  # the scheduler is down; polls will tell it


def _shown(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name != "known_from"}


class Server(ThreadingHTTPServer):
    """Asks the service about each connection before a byte of it is read."""

    request_queue_size = 1024
    daemon_threads = True
    service: Service

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether the connection is served; else it is closed unread."""
        return self.service.connected(client_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: the other side was killed."""


class Handler(QuietHandler):
    """The protocol `http`; one request a connection, so that each call has its own accept."""

    server: Server

    def do_POST(self) -> None:
        """Places a call, as its agent_id says."""
        service, call = self.server.service, json.loads(self.body())
        service.seen[call["attempt_id"]] += 1
        again = service.seen[call["attempt_id"]] > 1
        behaviour = TABLE["plain" if again else call["agent_id"]]
        state = service.ring(call, behaviour) if behaviour.rings else {}
        if behaviour.calls_back_first:
            service.call_back(call, behaviour)
        time.sleep(behaviour.wait * service.options.deadline)
        with contextlib.suppress(OSError):  # whoever was killed cannot be answered
            self._answer(behaviour, state)
        if behaviour.callbacks and not behaviour.calls_back_first:
            service.call_back(call, behaviour)

    def _answer(self, behaviour: Behaviour, state: dict[str, Any]) -> None:
        self.close_connection = True
        port, service = self.client_address[1], self.server.service
        raw = json.dumps({name: state.get(name) for name in ("call_id", "status")}).encode()
        if behaviour.answer == "half":
            self._send(200, {}, raw, len(raw) // 2)
        if behaviour.worker:
            service.strike(behaviour.worker, port, "half" if behaviour.answer == "half" else "log")
        if behaviour.answer == "good":
            self._send(200, {}, raw)
        elif behaviour.answer in ANSWERS:
            status, headers, body = ANSWERS[behaviour.answer]
            self._send(status, headers, b"x" * HUGE if body is None else body)

    def _send(
        self, status: int, headers: dict[str, str], raw: bytes, only: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw[:only])
        self.wfile.flush()

    def do_GET(self) -> None:
        """A lookup."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.answer(*self.server.service.look_up(self.path))


def main() -> None:
    """Serves until its input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--run", required=True)
    for seconds in ("deadline", "settle", "freeze"):
        parser.add_argument(f"--{seconds}", type=float, required=True)
    service = Service(parser.parse_args())
    server = Server(("127.0.0.1", service.options.port), Handler)
    server.service = service
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=service.obey, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
