"""Many webhooks wait to be sent: rows written by the product's own outbox, due at a given time.

An order on standard input, as JSON: `urls`, `count` (messages, numbered from 0, the URLs in turn),
`hanging` (as many to an address that never answers, numbered below 0), `hanging_url`, `due`
(seconds since 1970), `spread` (seconds over which they come due, in the order of their numbers).
"""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import django
from django.db import connection, transaction

AT_ONCE = 5_000
DUE = """
UPDATE webhooks_delivery SET next_attempt_at = due.at, ring_at = due.at
FROM (SELECT id, to_timestamp(%(due)s + %(spread)s * CASE WHEN n < 0 THEN random()
             ELSE n / %(count)s::float END) AS at
      FROM (SELECT id, (body::json->'metadata'->>'n')::integer AS n FROM webhooks_delivery) d
     ) due
WHERE due.id = webhooks_delivery.id
"""


def main() -> None:
    """Obeys one order."""
    django.setup()
    from django.contrib.auth.models import User

    from webhooks.outbox import Notice, enqueue

    order = json.load(sys.stdin)
    owner, _ = User.objects.get_or_create(username="bench")
    urls = order["urls"]
    wanted = [(number, urls[number % len(urls)]) for number in range(order["count"])]
    wanted += [(-1 - number, order["hanging_url"]) for number in range(order["hanging"])]
    now = datetime.now(UTC)
    with transaction.atomic(), connection.cursor() as cursor:
        for start in range(0, len(wanted), AT_ONCE):
            notices = [
                Notice(owner.pk, url, "completed", json.dumps(message(number)))
                for number, url in wanted[start : start + AT_ONCE]
            ]
            enqueue(cursor, notices, now)
        cursor.execute(DUE, {name: order[name] for name in ("due", "spread", "count")})


def message(number: int) -> dict[str, Any]:
    """About as much as the product says of a call; `metadata.n` is how the judge knows it."""
    return {
        "type": "call.completed",
        "timestamp": "2027-02-01T14:30:00Z",
        "data": {"status": "completed", "agent_id": "agent-123", "phone_number": "+12025550100"},
        "metadata": {"n": number},
    }


if __name__ == "__main__":
    main()
