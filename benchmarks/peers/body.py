"""What every Python peer sends for a call: as much as the product does, over kept connections."""

import os
import threading
from datetime import UTC, datetime
from typing import Any

URL = os.environ.get("BENCH_URL", "") + "/calls"
COUNT = int(os.environ.get("BENCH_COUNT", "0"))
DUE = datetime.fromtimestamp(int(os.environ.get("BENCH_DUE", "0")), UTC)
_own = threading.local()


def body(number: int, due: datetime = DUE) -> dict[str, Any]:
    """The call's JSON; `metadata.n` is how the judge knows it."""
    return {
        "attempt_id": f"{number:08x}-0000-7000-8000-000000000000",
        "execution_id": f"{number:08x}-0000-5000-8000-000000000000",
        "schedule_id": f"{number:08x}-0000-7000-8000-000000000001",
        "agent_id": "agent-123",
        "phone_number": f"+1202{number:07}",
        "customer_context": {"name": "Ada"},
        "metadata": {"n": number},
        "scheduled_time": due.isoformat().replace("+00:00", "Z"),
        "callback_url": "http://localhost:8010/api/callbacks/http/0123456789abcdef",
    }


def post(number: int) -> None:
    """Makes the call with requests; one session a thread, and after the fork."""
    import requests

    if getattr(_own, "pid", None) != os.getpid():
        _own.pid, _own.session = os.getpid(), requests.Session()
        _own.session.trust_env = False
    _own.session.post(URL, json=body(number), timeout=20).raise_for_status()
