"""An attempt failed: when is the next one? One pure function; None means not again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

LONGEST_DELAY = 86_400
JITTER = 0.1
#: the same attempt again after "not sent": 1, 2, 4, … seconds, at most a minute
LONGEST_RESEND = 60.0


def next_attempt_at(
    policy: Mapping[str, Any] | None,
    outcome: str,
    attempts_made: int,
    ended_at: datetime,
    chance: float,
) -> datetime | None:
    """When the attempt after `attempts_made` (1 after the first) is due; None when there is none.

    `policy` is a scheduled call's filled-in retry_policy. The delay counts from the end of the
    failed attempt (UTC). `chance` in [0, 1) spreads exponential delays by up to 10 %.
    """
    if policy is None or outcome not in policy["retry_on"] or attempts_made > policy["max_retries"]:
        return None
    return ended_at + timedelta(seconds=_delay(policy, attempts_made, chance))


def _delay(policy: Mapping[str, Any], attempts_made: int, chance: float) -> float:
    delay = float(policy["retry_delay"])
    if not policy["exponential_backoff"]:
        return delay
    # max_retries is at most 10, so the power stays small
    return min(delay * 2.0 ** (attempts_made - 1), LONGEST_DELAY) * (1 + JITTER * chance)


def resend_delay(resends: int, retry_after: float | None) -> float:
    """Seconds until an attempt that was provably not sent is tried again, with the same id."""
    return max(min(2.0 ** min(resends, 10), LONGEST_RESEND), retry_after or 0.0)
