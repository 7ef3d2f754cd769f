"""How the call service treats a call: the scheduled call's agent_id names one of these."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens when an attempt comes for the first time; a second time it is `plain`."""

    #: whether the phone rings, that is, whether a line is written to the log
    rings: bool = True
    #: what is done to the worker before it is answered: "", "kill", "kill_whole", "stop"
    worker: str = ""
    #: seconds to wait before answering, in units of the worker's deadline
    wait: float = 0.0
    #: what the answer is: a key of `ANSWERS`, or "good", "half", "none"
    answer: str = "good"
    #: (status, how) of callbacks in order; how: "good", "same", "forged", "old" or "elsewhere"
    callbacks: tuple[tuple[str, str], ...] = ()
    #: whether the callbacks are sent before the answer
    calls_back_first: bool = False
    #: how the call ends, told at once in the answer unless callbacks tell it
    outcome: str = "completed"
    #: for how much of the settle time a lookup does not know the call yet
    lookup_lag: float = 0.0


GOOD = (("ringing", "good"), ("in_progress", "good"), ("completed", "good"))
FORGERIES = (("failed", "forged"), ("failed", "old"), ("failed", "elsewhere"))

#: status, headers, body; None as a body is one of 10 MB
ANSWERS: dict[str, tuple[int, dict[str, str], bytes | None]] = {
    "500": (500, {}, b'{"error": "out of order"}'),
    "502": (502, {"Content-Type": "text/html"}, b"<html><h1>502 Bad Gateway</h1></html>"),
    "empty": (200, {}, b""),
    "garbage": (200, {"Content-Type": "application/json"}, b"\xff\xfe{[not JSON"),
    "huge": (200, {}, None),
    "429": (429, {"Retry-After": "1"}, b""),
    "429_bad": (429, {"Retry-After": "in a little while"}, b""),
}

TABLE = {
    "plain": Behaviour(),
    "slow": Behaviour(wait=0.4),
    "no_answer": Behaviour(outcome="no_answer"),
    "kill_before_log": Behaviour(rings=False, worker="kill", answer="none"),
    "kill_after_log": Behaviour(worker="kill", answer="none"),
    "kill_in_answer": Behaviour(worker="kill", answer="half"),
    "kill_whole_after_log": Behaviour(worker="kill_whole", answer="none"),
    "stop_before_answer": Behaviour(worker="stop"),
    "stop_without_answer": Behaviour(worker="stop", answer="none"),
    "timeout_before": Behaviour(rings=False, wait=1.4, answer="none"),
    "timeout_after": Behaviour(wait=1.4, answer="none"),
    "answer_too_late": Behaviour(wait=1.4),
    "500_before": Behaviour(rings=False, answer="500"),
    "500_after": Behaviour(answer="500"),
    "502_html": Behaviour(answer="502"),
    "empty_200": Behaviour(answer="empty"),
    "garbage": Behaviour(answer="garbage"),
    "ten_megabytes": Behaviour(answer="huge"),
    "429_good": Behaviour(rings=False, answer="429"),
    "429_bad": Behaviour(rings=False, answer="429_bad"),
    "lookup_lags": Behaviour(answer="500", lookup_lag=0.6),
    "callbacks_x5": Behaviour(callbacks=(GOOD[0], GOOD[1], *(("completed", "same"),) * 5)),
    "callbacks_reversed": Behaviour(callbacks=GOOD[::-1]),
    "callbacks_before_reply": Behaviour(callbacks=GOOD, calls_back_first=True),
    "callbacks_forged": Behaviour(callbacks=(*FORGERIES, *GOOD)),
}
#: needs nothing but the service itself, and ends in one ring
MISBEHAVIOURS = tuple(
    name
    for name, behaviour in TABLE.items()
    if name not in ("plain", "no_answer") and not behaviour.worker and not behaviour.callbacks
)
CALLBACKS = tuple(name for name, behaviour in TABLE.items() if behaviour.callbacks)
