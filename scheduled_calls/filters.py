"""Which scheduled calls does a list show? The filters of GET /api/scheduled-calls."""

from django.db.models import F, Func, Q, TextField, Value
from django.db.models.lookups import Exact

from scheduled_calls.models import Kind, Status
from scheduled_calls.validators import NUMBER_DECORATION, Wrong, phone_number
from scheduler_project.query import Filter, any_of, moment, same

AT = "with Z or an offset, else UTC"


def _kind(text: str) -> Q:
    any_of("kind", Kind.values)(text)
    return Q(crontab__isnull=text == Kind.ONE_TIME)


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
    return Q(Exact(value, Value(text)))


def _search(text: str) -> Q:
    words = text.strip()
    found = Q(name__icontains=words) | Q(agent_id__icontains=words) | Q(id__icontains=words)
    if digits := words.translate(NUMBER_DECORATION):
        found |= Q(phone_number__contains=digits)
    return found


FILTERS: dict[str, Filter] = {
    "status": Filter(any_of("status", Status.values), "only these", words=tuple(Status.values)),
    "kind": Filter(_kind, "only these", words=tuple(Kind.values)),
    "agent_id": Filter(same("agent_id"), "of this agent"),
    "phone_number": Filter(_phone_number, "to this number"),
    "batch_id": Filter(same("batch_id"), "of this batch"),
    "metadata.": Filter(_metadata, "whose metadata holds this value, compared as text"),
    "next_run_after": Filter(moment("next_run_at__gte"), f"next run at or after; {AT}"),
    "next_run_before": Filter(moment("next_run_at__lt"), f"next run before; {AT}"),
    "created_after": Filter(moment("created_at__gte"), f"made at or after; {AT}"),
    "created_before": Filter(moment("created_at__lt"), f"made before; {AT}"),
    "search": Filter(_search, "a part of name, number, agent or id"),
}
