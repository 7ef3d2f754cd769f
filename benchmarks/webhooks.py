"""Webhooks go out: to one endpoint, to a hundred, and to a hundred beside one that hangs."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contestants import Task
from benchmarks.options import Options
from benchmarks.ours import TEMPLATE, Ours
from benchmarks.race import Case, measure
from benchmarks.report import Row
from benchmarks.stage import Stage

NOT_DELIVERED = """
SELECT count(*) FROM webhooks_delivery
WHERE status <> 'delivered' AND (body::json->'metadata'->>'n')::integer >= 0
"""


@dataclass
class Webhooks(Ours):
    """The product with messages to send instead of calls to make."""

    endpoints: int = 1
    hanging: int = 0

    def load(self, stage: Stage, task: Task, database: str) -> None:
        """Messages by the product's outbox."""
        stage.fresh(database, TEMPLATE)
        order = {
            "urls": [f"{task.url}/hook/{number}" for number in range(self.endpoints)],
            "count": task.count,
            "hanging": self.hanging,
            "hanging_url": f"{task.url.rpartition('/')[0]}/hang/hook",
            "due": task.due,
            "spread": task.spread,
        }
        command = [sys.executable, "-m", "benchmarks.load_deliveries"]
        stage.run(command, stage.environment(database), given=json.dumps(order))

    def unfinished(self, stage: Stage, task: Task, database: str) -> int:
        """Messages to healthy endpoints that are not delivered."""
        return int(stage.query(database, NOT_DELIVERED)[0][0])

    def process_settings(self, task: Task) -> dict[str, str]:
        """Local addresses may be reached."""
        allowed = {
            "SCHEDULER_WEBHOOK_ALLOW_HTTP": "1",
            "SCHEDULER_WEBHOOK_ALLOWED_NETS": "127.0.0.0/8",
        }
        return super().process_settings(task) | allowed


def play(stage: Stage, options: Options) -> Iterator[Row]:
    """Ours alone: `lost`, `late` and the like are those of messages to healthy endpoints."""
    count = options.count or (300 if options.quick else 10_000)
    few = max(count // 5, 100)
    cases = (
        (Webhooks(), Case("webhooks", count, 0, f"{count:,} to one endpoint")),
        (Webhooks(endpoints=100), Case("webhooks", count, 0, f"{count:,} to 100 endpoints")),
        (
            Webhooks(endpoints=99, hanging=100),
            Case("webhooks", few, 0, f"{few:,} in 20 s to 99, one more hangs", spread=20.0),
        ),
    )
    for contestant, case in cases:
        for number in range(options.runs):
            yield measure(stage, contestant, case, number, options.workers)
