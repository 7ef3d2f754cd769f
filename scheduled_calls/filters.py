"""Which scheduled calls does a list show? The filters of GET /api/scheduled-calls."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import F, Func, Q, TextField, Value
from django.db.models.lookups import Exact

from scheduled_calls.models import SET_ASIDE, Kind, Status
from scheduled_calls.searching import begins, holds
from scheduled_calls.validators import NUMBER_DECORATION, Wrong, phone_number
from scheduler_project.ids import as_uuid, first_uuid7_at
from scheduler_project.query import Filter, any_of, moment, read_instant, same

AT = "with Z or an offset, else UTC"
#: an id was made this close to its row's `created_at`, also where clocks differ a little
MADE_WITHIN = 3600.0  # seconds
#: text that a JSON value other than a string has as well, as PostgreSQL writes it
BARE_JSON = re.compile(r"true|false|-?(0|[1-9][0-9]*)|-?(0|[1-9][0-9]{0,300})\.[0-9]+", re.ASCII)
#: beyond its first group, which may also be a number
BEGIN_OF_ID = re.compile(
    r"[0-9a-f]{8}-([0-9a-f]{0,4}|([0-9a-f]{4}-){1,2}[0-9a-f]{0,4}|([0-9a-f]{4}-){3}[0-9a-f]{0,12})",
    re.ASCII,
)
PART_OF_NUMBER = re.compile(r"\+?[0-9]+", re.ASCII)


def _kind(text: str) -> Q:
    any_of("kind", Kind.values)(text)
    if text == Kind.RECURRING:
        return Q(crontab__isnull=False)
    return Q(crontab__isnull=True, clocked__isnull=False)  # the second has an index


def _status(text: str) -> Q:
    """Those that are set aside are looked up in a table of their own."""
    wanted = any_of("status", Status.values)(text)
    return wanted & Q(set_aside__status=text) if text in SET_ASIDE else wanted


def _phone_number(text: str) -> Q:
    # An unescaped plus arrives as a blank: ?phone_number=+1212...
    shown = f"+{text[1:]}" if text.startswith(" ") else text
    try:
        return Q(phone_number=phone_number(shown))
    except Wrong as wrong:
        raise ValueError(str(wrong)) from None


def _metadata(key: str, text: str) -> Q:
    """Compared as text: ?metadata.priority=1 finds 1 and "1"."""
    value = Func(
        F("metadata"), Value(key), function="jsonb_extract_path_text", output_field=TextField()
    )
    exact = Q(Exact(value, Value(text)))
    if text[:1] in ("{", "["):
        return exact  # the text of an object or a list: no index knows it
    # The index knows values, not their text: it is asked for each value that has this text.
    held = Q(kept_metadata__metadata__contains={key: text})
    if BARE_JSON.fullmatch(text):
        held |= Q(kept_metadata__metadata__contains={key: json.loads(text)})
    return held & exact


def _next_run(lookup: str) -> Callable[[str], Q]:
    """Only an active call has a next run, and the index of what is due holds only those."""
    read = moment(lookup)
    return lambda text: read(text) & Q(status=Status.ACTIVE, next_run_at__isnull=False)


def _created_after(text: str) -> Q:
    """An id begins with the time at which it was made, so the list's own index finds the place."""
    at = read_instant(text)
    return Q(created_at__gte=at, id__gte=first_uuid7_at(at.timestamp() - MADE_WITHIN))


def _created_before(text: str) -> Q:
    at = read_instant(text)
    return Q(created_at__lt=at, id__lt=first_uuid7_at(at.timestamp() + MADE_WITHIN))


def _search(text: str) -> Q:
    words = text.strip()
    if (id_ := as_uuid(words)) is not None:
        return Q(pk=id_)
    if BEGIN_OF_ID.fullmatch(words.lower()):
        return begins(words.lower())
    digits = words.translate(NUMBER_DECORATION)
    if digits != words and PART_OF_NUMBER.fullmatch(digits):
        return holds(words) | holds(digits)
    return holds(words)


def scattered(query: Mapping[str, Any]) -> bool:
    """Whether no index has what is asked for in the order of the list, newest first."""
    return any(
        name in ("search", "next_run_after", "next_run_before")
        or name.startswith("metadata.")
        or (name == "kind" and query[name] == Kind.ONE_TIME)
        or (name == "status" and query[name] not in SET_ASIDE)
        for name in query
    )


def twin(query: Mapping[str, Any]) -> str:
    """The column of another table that is looked through by the call's id."""
    if "search" in query:
        return "search_text__pk"
    return "kept_metadata__pk" if any(name.startswith("metadata.") for name in query) else ""


FILTERS: dict[str, Filter] = {
    "status": Filter(_status, "only these", words=tuple(Status.values)),
    "kind": Filter(_kind, "only these", words=tuple(Kind.values)),
    "agent_id": Filter(same("agent_id"), "of this agent"),
    "phone_number": Filter(_phone_number, "to this number"),
    "batch_id": Filter(same("batch_id"), "of this batch"),
    "metadata.": Filter(_metadata, "whose metadata holds this value, compared as text"),
    "next_run_after": Filter(_next_run("next_run_at__gte"), f"next run at or after; {AT}"),
    "next_run_before": Filter(_next_run("next_run_at__lt"), f"next run before; {AT}"),
    "created_after": Filter(_created_after, f"made at or after; {AT}"),
    "created_before": Filter(_created_before, f"made before; {AT}"),
    "search": Filter(
        _search,
        "a part of name, number or agent; an id, its beginning, or a part of its last group",
    ),
}
