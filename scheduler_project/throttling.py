"""Who asks too often is told when to ask again: requests a minute, of an owner or of an address.

Redis counts for all web processes together. To ask it at each request would cost more than it
guards, so a process draws some of a minute's requests at once and lets those in by itself: never
are more let in than the limit, at times a few less, which another process drew and did not use.
A minute begins with its first request. What Redis cannot say in time is a yes: no call is refused
because a counter is away.
"""

import logging
import math
import time
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from threading import Lock

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from scheduler_project.addresses import parse_address

log = logging.getLogger(__name__)
MINUTE = 60
#: seconds that Redis may take to connect and to answer (to find its name is the system's business),
#: and for which it is left alone when it took longer
PATIENCE = 0.05
PAUSE = 5.0
#: a process draws a hundredth of the limit at once, and never more than this
MOST_DRAWN = 50
#: askers that a process remembers; beyond, it forgets what it drew and asks Redis again
MOST_KNOWN = 10_000

_DRAW = """
local drawn = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = 1000 * ARGV[2]
  redis.call('PEXPIRE', KEYS[1], left)
end
return {drawn, left}
"""


@dataclass(slots=True)
class Share:
    """What this process may still let in of one asker's minute."""

    left: int
    #: whether the minute has no more than that
    is_last: bool
    #: when the minute is over, on this process's monotonic clock
    until: float


class Gate:
    """The shares of one process."""

    def __init__(self) -> None:
        self._shares: dict[str, Share] = {}
        self._turn = Lock()
        self._open_until = 0.0

    def wait(self, who: str, limit: int) -> int:
        """0 lets a request in; else the whole seconds after which the next minute has begun."""
        now = time.monotonic()
        with self._turn:
            known = self._shares.get(who)
            if known is not None and now < known.until and (known.left or known.is_last):
                return _spend(known, now)
            if now < self._open_until:
                return 0
        drawn = self._draw(who, limit)  # outside, so that nobody else waits for Redis
        if drawn is None:
            return 0
        with self._turn:
            if len(self._shares) >= MOST_KNOWN:
                self._shares.clear()
            now, known = time.monotonic(), self._shares.get(who)
            if known is not None and now < known.until:  # another thread drew at the same time
                drawn.left += known.left
                drawn.is_last |= known.is_last
            self._shares[who] = drawn
            return _spend(drawn, now)

    def _draw(self, who: str, limit: int) -> Share | None:
        """A new share of the minute that Redis counts; None when it does not answer."""
        wanted = min(max(limit // 100, 1), MOST_DRAWN)
        try:
            drawn, left_ms = _script(settings.REDIS_CLIENT_URL)(
                [f"throttle:{who}"], [wanted, MINUTE]
            )
        except redis.RedisError as error:
            log.warning("throttle_open for=%ss: %s", PAUSE, type(error).__name__)
            self._open_until = time.monotonic() + PAUSE
            return None
        got = min(max(limit - (drawn - wanted), 0), wanted)
        if not got:
            log.warning("throttled who=%s limit=%s", who, limit)
        # PTTL leaves out parts of a millisecond: one more, and the minute is surely over by then
        return Share(got, got < wanted, time.monotonic() + (left_ms + 1) / 1000)


def _spend(share: Share, now: float) -> int:
    if share.left:
        share.left -= 1
        return 0
    return max(math.ceil(share.until - now), 1)


@lru_cache(maxsize=1)
def _script(url: str) -> Script:
    """The counting, on connections that are neither patient nor tried again."""
    client = redis.Redis.from_url(
        url,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )
    return client.register_script(_DRAW)


gate = Gate()


def count_owner(user_id: int) -> None:
    """Counts a request with a good token; raises Throttled beyond the owner's limit."""
    if limit := settings.SCHEDULER.throttle_requests_per_minute:
        _count(f"owner:{user_id}", limit)


def count_stranger(request: Request) -> None:
    """Counts a request without a good token; raises Throttled beyond its address's limit."""
    if limit := settings.SCHEDULER.throttle_strangers_per_minute:
        _count(f"address:{address_of(request)}", limit)


def _count(who: str, limit: int) -> None:
    if seconds := gate.wait(who, limit):
        raise Throttled(seconds, f"More than {limit} requests within a minute, nothing was done.")


def address_of(request: Request) -> str:
    """The client's address behind our own proxies; of IPv6 the network, all of it one client's."""
    address = parse_address(BaseThrottle().get_ident(request) or "")
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address or "unknown")


class Strangers(BaseThrottle):
    """For pages that are open to anybody: each request counts as its address's."""

    def allow_request(self, request: Request, view: object) -> bool:
        """True; raises Throttled itself."""
        count_stranger(request)
        return True
