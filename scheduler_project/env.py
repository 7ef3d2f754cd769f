"""Reads the environment, a reader per kind of value; a bad one stops the start with a sentence."""

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

from scheduler_project.origins import refusal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off", ""})


def text(name: str, default: str = "") -> str:
    """The value of NAME, or the content of the file that NAME_FILE names (a mounted secret)."""
    file_name = os.environ.get(f"{name}_FILE")
    if file_name and name in os.environ:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
    if not file_name:
        return os.environ.get(name, default)
    try:
        return Path(file_name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"{name}_FILE names {file_name!r}, which cannot be read: {error}."
        ) from None


def required(name: str, why: str) -> str:
    """The value of NAME; raises ImproperlyConfigured, saying why it is needed, when empty."""
    value = text(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {why}")
    return value


def boolean(name: str, default: bool = False) -> bool:
    """The value of NAME as yes or no: 1/true/yes/on, 0/false/no/off, in any case."""
    word = text(name, "1" if default else "0").strip().lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise ImproperlyConfigured(f"{name} is {word!r}; write one of 1, 0, true, false, yes, no.")
    return word in TRUE_WORDS


def integer(name: str, default: int, *, least: int = 0, most: int = 10**9) -> int:
    """The value of NAME as a whole number within [least, most]."""
    return _number(name, default, int, "a whole number", least, most)


def number(name: str, default: float, *, least: float = 0, most: float = 1e9) -> float:
    """The value of NAME as a number within [least, most]."""
    return _number(name, default, float, "a number", least, most)


def listing(name: str, default: str = "") -> list[str]:
    """The comma-separated words of NAME, without empty ones."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def networks(name: str) -> tuple[Network, ...]:
    """The comma-separated CIDR networks of NAME."""
    return tuple(_network(name, word) for word in listing(name))


def origins(name: str) -> list[str]:
    """The comma-separated origins of NAME (https://app.example.com), each once."""
    words = listing(name)
    for word in words:
        if (why := refusal(word)) is not None:
            raise ImproperlyConfigured(f"{name} holds {word!r}, which is no origin: {why}.")
    return list(dict.fromkeys(words))


def _number(
    name: str, default: T, read: Callable[[str], T], kind: str, least: float, most: float
) -> T:
    raw = text(name, str(default)).strip()
    try:
        value = read(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {raw!r}; write {kind}.") from None
    if not least <= value <= most:  # type: ignore[operator]
        raise ImproperlyConfigured(f"{name} is {raw}; write {kind} from {least} to {most}.")
    return value


def _network(name: str, word: str) -> Network:
    try:
        return ipaddress.ip_network(word)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} holds {word!r}, which is no network ({error}); write CIDRs such as 10.0.0.0/8."
        ) from None


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """What SCHEDULER_* settings say. Durations are seconds."""

    #: name of the call service's adapter, or its dotted path
    call_provider: str = "sandbox"
    #: this service's address as the call service sees it, without a trailing slash
    public_url: str = "http://localhost:8010"
    #: zone of a call that names none
    default_timezone: str = "UTC"
    #: how late an occurrence, or a retry, may still ring
    catch_up_seconds: int = 900
    #: networks that webhooks may reach on any port, though the address guard would refuse them
    webhook_allowed_nets: tuple[Network, ...] = field(default_factory=tuple)
    #: whether webhooks may go to plain http addresses
    webhook_allow_http: bool = False
    #: a call that has not reported back after this long becomes unknown
    max_call_seconds: int = 7200
    #: least time between two calls to one number of one owner; 0 is off
    min_gap_seconds: int = 0
    #: user name the Python front door acts for
    owner: str = "default"
    #: requests that one owner's tokens may make within a minute; 0 is no limit
    throttle_requests_per_minute: int = 120_000
    #: requests without a good token that one address may make within a minute; 0 is no limit
    throttle_strangers_per_minute: int = 600
    #: whether a phone number must exist in its country's plan, not only look like one
    full_number_validity: bool = False
    #: how long a dial may be under way before its worker is asked whether it lives
    lease_seconds: int = 60
    #: total time one request to the call service may take
    dial_deadline_seconds: float = 20.0
    http_call_url: str = ""
    http_call_token: str = ""
    http_call_secret: str = ""
    #: how long after the last instant of sending "not found" is believed
    http_call_settle_seconds: int = 120
    #: divides the sandbox's ringing and talking times
    sandbox_speed: float = 1.0


def scheduler_settings() -> SchedulerSettings:
    """Reads all SCHEDULER_* variables; raises ImproperlyConfigured for a bad one."""
    return SchedulerSettings(
        call_provider=text("SCHEDULER_CALL_PROVIDER") or "sandbox",
        public_url=text("SCHEDULER_PUBLIC_URL", "http://localhost:8010").rstrip("/"),
        default_timezone=text("SCHEDULER_DEFAULT_TIMEZONE") or "UTC",
        catch_up_seconds=integer("SCHEDULER_CATCH_UP_SECONDS", 900, least=1, most=86_400),
        webhook_allowed_nets=networks("SCHEDULER_WEBHOOK_ALLOWED_NETS"),
        webhook_allow_http=boolean("SCHEDULER_WEBHOOK_ALLOW_HTTP"),
        max_call_seconds=integer("SCHEDULER_MAX_CALL_SECONDS", 7200, least=1, most=604_800),
        min_gap_seconds=integer("SCHEDULER_MIN_GAP_SECONDS", 0, most=604_800),
        owner=text("SCHEDULER_OWNER") or "default",
        throttle_requests_per_minute=integer("SCHEDULER_THROTTLE_REQUESTS_PER_MINUTE", 120_000),
        throttle_strangers_per_minute=integer("SCHEDULER_THROTTLE_STRANGERS_PER_MINUTE", 600),
        full_number_validity=boolean("SCHEDULER_FULL_NUMBER_VALIDITY"),
        lease_seconds=integer("SCHEDULER_LEASE_SECONDS", 60, least=2, most=3600),
        dial_deadline_seconds=number("SCHEDULER_DIAL_DEADLINE_SECONDS", 20.0, least=0.5, most=600),
        http_call_url=text("SCHEDULER_HTTP_CALL_URL").rstrip("/"),
        http_call_token=text("SCHEDULER_HTTP_CALL_TOKEN"),
        http_call_secret=text("SCHEDULER_HTTP_CALL_SECRET"),
        http_call_settle_seconds=integer("SCHEDULER_HTTP_CALL_SETTLE_SECONDS", 120, most=86_400),
        sandbox_speed=number("SCHEDULER_SANDBOX_SPEED", 1.0, least=0.01, most=1000),
    )
