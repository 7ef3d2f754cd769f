"""How much each endpoint may get: few at first, twice as many when quick, none while it hangs."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from webhooks.answers import Answer
from webhooks.delivery import PER_ENDPOINT, Claimed, Tried
from webhooks.hand import MOST_PER_ENDPOINT, QUICK, SLOW, Hand

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
GOOD, SILENT = Answer(204), Answer(error="slow", timed_out=True)


def claimed(count: int, endpoint: str = "a", claim: UUID | None = None) -> list[Claimed]:
    claim = claim or uuid4()
    return [Claimed(uuid4(), claim, AT, 1, endpoint, endpoint, "{}", 0) for _ in range(count)]


def tried(deliveries: list[Claimed], answer: Answer = GOOD) -> list[Tried]:
    return [Tried(one, AT, 1, answer) for one in deliveries]


def test_a_quick_endpoint_gets_twice_as_many_each_time_up_to_a_limit() -> None:
    hand, now, given = Hand(), 0.0, [PER_ENDPOINT]
    for _ in range(8):
        taken = claimed(given[-1])
        hand.take(taken, now)
        hand.settle(tried(taken))
        now += QUICK / 2
        given.append(hand.rooms(now)["a"])
    assert given[:4] == [8, 16, 32, 64]
    assert given[-1] == MOST_PER_ENDPOINT


def test_more_comes_before_the_last_is_gone() -> None:
    hand = Hand()
    taken = claimed(8)
    hand.take(taken, 0.0)
    assert hand.rooms(0.1) == {"a": 0}
    hand.settle(tried(taken[:4]))
    assert hand.rooms(0.1) == {"a": 12}


def test_a_slow_endpoint_is_back_to_few() -> None:
    hand = Hand()
    taken = claimed(100)
    hand.take(taken, 0.0)
    hand.settle(tried(taken[:97]))
    assert hand.rooms(QUICK)["a"] == 97
    assert hand.rooms(SLOW)["a"] == PER_ENDPOINT - 3


def test_an_endpoint_in_trouble_gets_nothing_until_all_it_has_is_over() -> None:
    hand = Hand()
    taken = claimed(2)
    hand.take(taken, 0.0)
    hand.settle(tried(taken[:1], SILENT))
    assert hand.rooms(0.1) == {"a": 0}
    hand.settle(tried(taken[1:], SILENT))
    assert hand.rooms(0.1) == {}


def test_a_claim_is_known_as_long_as_something_of_it_is_in_hand() -> None:
    hand, first, second = Hand(), uuid4(), uuid4()
    one, other = claimed(2, "a", first), claimed(1, "b", second)
    hand.take([*one, *other], 0.0)
    hand.settle(tried(one[:1] + other))
    assert hand.claims() == [first]
    assert hand.total == 1
