"""Reads one text that a caller sends: what is right is cleaned, what is wrong gets a sentence."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import phonenumbers
from django.conf import settings

from scheduled_calls.recurrence import CronError, UnknownZone, find_zone, parse_cron
from scheduler_project.webhook_url import check_webhook_url

E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
NUMBER_DECORATION = str.maketrans("", "", " .-()")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


class Wrong(ValueError):
    """A value is not as it should be: a machine word and a sentence that says what would be."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def line(least: int, most: int, what: str) -> Callable[[Any], str]:
    """A reader of one line of text with `least` to `most` characters."""

    def read(value: Any) -> str:
        if type(value) is str and value.isprintable() and least <= len(value) <= most:
            text = value.strip()  # most are: plain, and of a right length
            if len(text) >= least:
                return text
        text = _text(value, what).strip()
        if len(text) < least:
            raise Wrong("required", f"{what} is empty; write 1 to {most} characters.")
        if len(text) > most:
            raise Wrong("too_long", f"{what} has {len(text)} characters; at most {most} fit.")
        if CONTROL.search(text) or (most <= 255 and "\n" in text):
            raise Wrong("invalid", f"{what} holds control characters; write plain text.")
        return text

    return read


def _text(value: Any, what: str) -> str:
    if type(value) is str and value.isprintable():
        return value
    if not isinstance(value, str):
        raise Wrong("wrong_type", f"{what} is {kind_of(value)}; write text.")
    if UNKEEPABLE.search(value):
        raise Wrong("invalid", f"{what} holds a character that cannot be stored.")
    return value


def kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "no text")


def phone_number(value: Any) -> str:
    """E.164 (ITU-T): a plus, a country code, 7 to 15 digits in all; decoration is removed."""
    number = _text(value, "phone_number")
    if not E164.fullmatch(number):
        number = number.translate(NUMBER_DECORATION)
    if not E164.fullmatch(number):
        raise Wrong(
            "invalid",
            "phone_number is written in E.164: a plus, the country code, 7 to 15 digits in all, "
            "such as +12125550123.",
        )
    if settings.SCHEDULER.full_number_validity and not _exists(number):
        raise Wrong("invalid", "phone_number does not exist in its country's numbering plan.")
    return number


def _exists(number: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def timezone(value: Any) -> str:
    """An IANA zone name; the nearest names are offered for an unknown one."""
    name = _text(value, "timezone")
    try:
        return find_zone(name).key
    except UnknownZone as error:
        raise Wrong("unknown_timezone", str(error)) from None


def time(what: str) -> Callable[[Any], str | datetime]:
    """A reader of a time's type; it is read in its zone later, when the zone is known."""

    def read(value: Any) -> str | datetime:
        if not isinstance(value, str | datetime):
            raise Wrong(
                "wrong_type", f"{what} is {kind_of(value)}; write text such as 2027-02-01 14:30:00."
            )
        return value

    return read


def cron(value: Any) -> str:
    """A five-field cron expression of the classic dialect; see `recurrence.parse_cron`."""
    text = _text(value, "cron_expression").strip()
    if len(text) > 255:
        raise Wrong("too_long", "cron_expression has more than 255 characters.")
    try:
        parse_cron(text)
    except CronError as error:
        raise Wrong("invalid_cron", str(error)) from None
    return text


def webhook_url(value: Any) -> str:
    """An address that webhooks may go to; null or empty is none."""
    if value is None or value == "":
        return ""
    rules = settings.SCHEDULER
    try:
        return check_webhook_url(
            _text(value, "webhook_url"),
            allow_http=rules.webhook_allow_http,
            allowed_nets=rules.webhook_allowed_nets,
        )
    except Wrong:
        raise
    except ValueError as error:
        raise Wrong("invalid_url", str(error)) from None
