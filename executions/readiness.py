"""Which waiting executions may ring now: the conditions that a worker's claim and the gap share.

`%(now)s` is the instant; a query says `FROM asked`, which has the column `execution_id`.
"""

from executions.switches import stopped

#: whom the next attempt would ring: a waiting attempt rings whom it was made for
AGENT = "coalesce(w.sent->>'agent_id', s.agent_id)"
NUMBER = "coalesce(w.sent->>'phone_number', s.phone_number)"
# LATERAL, so that PostgreSQL looks an attempt up by its execution: from a quiet night's statistics
# it would take the waiting attempts for none and read them all for each message.
JOINED = """
    JOIN executions_execution e ON e.id = asked.execution_id
    JOIN scheduled_calls_scheduledcall s ON s.id = e.scheduled_call_id
    LEFT JOIN LATERAL (
        SELECT id, number, sent FROM executions_attempt
        WHERE execution_id = e.id AND status = 'waiting' LIMIT 1
    ) w ON true
"""
# `ring_at IS NOT NULL` is "waits" (a CHECK says so), put so that PostgreSQL looks executions up by
# their ids and not, for the same reason, by the index of waiting rows.
MAY_RING = f"""
    e.ring_at IS NOT NULL AND e.due_at <= %(now)s AND e.expires_at >= %(now)s
    AND (s.status = 'active' OR e.trigger = 'manual' AND s.status <> 'cancelled')
    AND NOT EXISTS (SELECT FROM executions_execution o
                    WHERE o.scheduled_call_id = s.id AND o.status IN ('dialing', 'in_progress')
                    OFFSET 0)
    AND NOT {stopped(AGENT, NUMBER)}
"""
