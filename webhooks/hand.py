"""What this process has claimed and not yet finished, and how much more each endpoint may get.

An endpoint begins with a few at a time and gets twice as many whenever it was quick with them, so
that its lanes never run dry; one that hangs holds only those few.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from webhooks.delivery import PER_ENDPOINT, Claimed, Tried
from webhooks.lanes import Over

MOST_IN_HAND = 1000
#: so many for one endpoint at the most
MOST_PER_ENDPOINT = 400
#: seconds: half of what an endpoint had was done within QUICK: twice as many; after SLOW: few again
QUICK, SLOW = 1.0, 5.0


@dataclass(slots=True)
class Held:
    """One endpoint's share: what is in hand of what it was given last, and when that was."""

    count: int = 0
    given: int = 0
    given_at: float = 0.0
    troubled: bool = False


class Hand:
    """Belongs to one thread. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.total = 0
        self._endpoints: dict[str, Held] = {}
        self._claims: Counter[UUID] = Counter()

    def take(self, claimed: Sequence[Claimed], now: float) -> None:
        """These are in hand from now on."""
        self.total += len(claimed)
        self._claims.update(one.claim for one in claimed)
        for endpoint, more in Counter(one.endpoint for one in claimed).items():
            held = self._endpoints.setdefault(endpoint, Held())
            held.count += more
            held.given, held.given_at = held.count, now

    def settle(self, over: Iterable[Over]) -> None:
        """These are finished with, whatever came of them."""
        for one in over:
            self.total -= 1
            self._claims[one.delivery.claim] -= 1
            if not self._claims[one.delivery.claim]:
                del self._claims[one.delivery.claim]
            held = self._endpoints[one.delivery.endpoint]
            held.count -= 1
            held.troubled |= isinstance(one, Tried) and one.answer.troubled

    def claims(self) -> list[UUID]:
        """The claims that something is in hand of."""
        return list(self._claims)

    def rooms(self, now: float) -> dict[str, int]:
        """For each endpoint known here, how many more it may get; for others it is PER_ENDPOINT."""
        for endpoint in [name for name, held in self._endpoints.items() if _is_over(held, now)]:
            del self._endpoints[endpoint]
        return {endpoint: _room(held, now) for endpoint, held in self._endpoints.items()}


def _is_over(held: Held, now: float) -> bool:
    return not held.count and (held.troubled or now - held.given_at > QUICK)


def _room(held: Held, now: float) -> int:
    if held.troubled or held.count > held.given // 2:
        return 0
    took = now - held.given_at
    share = held.given * 2 if took < QUICK else held.given if took < SLOW else 0
    return max(PER_ENDPOINT, min(share, MOST_PER_ENDPOINT)) - held.count
