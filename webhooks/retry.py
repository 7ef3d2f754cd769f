"""A try failed: when is the next one? None means give up; pure."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: seconds after the first, second, ... failed try; the list of the Standard Webhooks specification
#: as Svix shortens it. Eight tries in all.
SCHEDULE = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
#: a Retry-After beyond this many seconds is cut
LONGEST_RETRY_AFTER = 10 * 3600


def next_attempt_at(
    failures: int,
    retry_after: str,
    now: datetime,
    chance: Callable[[], float] = random.random,
) -> datetime | None:
    """When to try again after the `failures`-th failed try in a row; None when no try is left.

    Full jitter: anything between at once and the schedule's step, so that the messages of one
    outage do not come back all together. `retry_after` is the header as it came; when it asks for
    more, it is honoured, up to ten hours.
    """
    if failures > len(SCHEDULE):
        return None
    own = SCHEDULE[failures - 1] * chance()
    return now + timedelta(seconds=max(own, min(asked_for(retry_after, now), LONGEST_RETRY_AFTER)))


def asked_for(retry_after: str, now: datetime) -> float:
    """The seconds that Retry-After asks for (RFC 9110 section 10.2.3); 0 when it says nothing."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max((until - now).total_seconds(), 0.0)
