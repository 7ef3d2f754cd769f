"""What all admin pages share: quick pages over big tables, times with their zone, links."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet, UUIDField
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display as unfold_display
from unfold.views import ChangeList

from scheduler_project.ids import as_uuid
from scheduler_project.newest import Newest
from scheduler_project.paging import rows_in_order

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    AnyPaginator = Paginator[Any]
else:
    from unfold.admin import ModelAdmin, TabularInline

    AnyPaginator = Paginator

__all__ = ["ModelAdmin", "TabularInline", "as_uuid"]
F = TypeVar("F", bound=Callable[..., Any])
#: what stands where there is nothing to show
DASH = "-"
WALL_CLOCK = "%Y-%m-%d %H:%M:%S"
#: statuses in colour, for all pages: what is good, what is on its way, what needs eyes, what is bad
COLOURS = {
    **dict.fromkeys(("active", "completed", "delivered"), "success"),
    **dict.fromkeys(("dialing", "in_progress", "sending", "pending"), "info"),
    **dict.fromkeys(("paused", "retrying", "unknown", "voicemail", "busy", "no_answer"), "warning"),
    **dict.fromkeys(("failed", "missed", "timeout", "rejected", "provider_error"), "danger"),
    "invalid_number": "danger",
}


class About(int):
    """A number that was estimated, and says so where it is shown."""

    def __str__(self) -> str:
        return f"about {round(self, 2 - len(f'{self:d}')):,}"


class EstimatingPaginator(AnyPaginator):
    """Counts up to 10,000 rows; beyond that it takes PostgreSQL's own estimate, a plan and no scan.

    https://www.postgresql.org/docs/current/using-explain.html
    """

    COUNTED = 10_000
    #: of so few rows the keys are kept, so that they are looked for once
    KEPT = 1_000
    #: see `Newest`
    twin = ""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        """The number of rows, exact up to 10,000, and `About` so many beyond."""
        rows = self.object_list.order_by().values("pk")
        if not rows.query.where and (estimated := _estimate(rows)) > self.COUNTED:
            return About(estimated)  # the whole table: no need to look whether there are so many
        if (few := len(self._few)) <= self.KEPT:
            return few
        counted = rows[: self.COUNTED + 1].count()
        return counted if counted <= self.COUNTED else About(max(counted, _estimate(rows)))

    def page(self, number: Any) -> Any:
        """The page's keys are found in an index alone; then its rows are read, 50 and not all
        before them."""
        found = super().page(number)
        first = (found.number - 1) * self.per_page
        wanted = self._keys(first, min(first + self.per_page, self.count))
        found.object_list = rows_in_order(self.object_list, self._key, wanted)
        return found

    @cached_property
    def _few(self) -> list[Any]:
        """The keys of all rows in no order; when there are more than are kept, of some."""
        keys = self.object_list.order_by().values_list(self._key, flat=True)
        return list(keys[: self.KEPT + 1])

    def _keys(self, start: int, stop: int) -> list[Any]:
        rows, key = self.object_list, self._key
        order = str(next(iter(rows.query.order_by), ""))
        if not rows.query.where or order.lstrip("-") not in ("pk", key):
            return list(rows.values_list(key, flat=True)[start:stop])
        if len(self._few) <= self.KEPT:
            return sorted(self._few, reverse=order.startswith("-"))[start:stop]
        if not isinstance(rows.model._meta.get_field(key), UUIDField):
            return list(rows.values_list(key, flat=True)[start:stop])
        ordered = rows.order_by(order.replace("pk", key))
        return Newest(ordered, key, twin=self.twin).keys(start, stop)

    @cached_property
    def _key(self) -> str:
        """The column that the rows are in the order of, when it is unique; else the key."""
        meta = self.object_list.model._meta
        column = str(next(iter(self.object_list.query.order_by), "pk")).removeprefix("-")
        known = column != "pk" and meta.get_field(column).unique
        return column if known else str(meta.pk.name)


def _estimate(rows: QuerySet[Any]) -> int:
    plan = json.loads(rows.explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


class Autocomplete(AutocompleteSelect):
    """A choice that is looked up while one types; what is no id is no choice."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        """Only the chosen row."""
        ids = [one for one in value if str(one).isdecimal() and len(str(one)) < 19]
        return super().optgroups(name, ids, attrs)


class QuickList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """A list that is looked through once: not again for its only page, nor without its filters."""

    def get_results(self, request: HttpRequest) -> None:
        """The page's rows."""
        super().get_results(request)
        if not self.multi_page:
            self.result_list = self.paginator.page(1).object_list
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count  # else it would offer to "show all"


class Page(ModelAdmin):
    """A list that costs the same at a million rows as at fifty, and the page of one row."""

    paginator = EstimatingPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would count the table
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    sortable_by: ClassVar[tuple[str, ...]] = ()

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[QuickList]:
        """See there."""
        return QuickList

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Rows to choose from are looked up, never listed."""
        if db_field.name in self.autocomplete_fields:
            options["widget"] = Autocomplete(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def may_act(self, request: HttpRequest) -> bool:
        """Whether the operator may post any action to the list."""
        return self.has_change_permission(request) or self.has_delete_permission(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; an action that is not offered cannot be posted either."""
        if request.method == "POST" and not self.may_act(request):
            raise PermissionDenied
        answer: HttpResponse = super().changelist_view(request, extra_context)
        return answer


class ReadOnly:
    """Nobody adds, changes or deletes these here, whatever the permissions say."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False


class ReadOnlyPage(ReadOnly, Page):
    """A list and pages to look at."""


def display(*, description: str, **options: Any) -> Callable[[F], F]:
    """unfold's decorator of a column, typed."""
    decorate: Callable[[F], F] = unfold_display(description=description, **options)
    return decorate


def wall(instant: datetime | None, zone: ZoneInfo) -> str:
    """An instant as wall clock with its zone's name; a dash for none."""
    return f"{instant.astimezone(zone).strftime(WALL_CLOCK)} {zone.key}" if instant else DASH


def utc(instant: datetime | None) -> str:
    """An instant in UTC, and saying so; a dash for none."""
    return f"{instant.astimezone(UTC).strftime(WALL_CLOCK)} UTC" if instant else DASH


def both_clocks(instant: datetime | None, zone: ZoneInfo) -> str:
    """An instant as wall clock in its zone, and in UTC where that is another zone."""
    if instant is None or zone.key == "UTC":
        return utc(instant)
    return f"{wall(instant, zone)} ({utc(instant)})"


def page_of(row: Model) -> str:
    """The address of a row's own page."""
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def list_of(model: type[Model], **wanted: object) -> str:
    """The address of a model's list, filtered."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    return f"{address}?{query}" if query else address


def link(address: str, text: object) -> SafeString:
    """A link in the theme's colour."""
    looks = "text-primary-600 dark:text-primary-500"
    return format_html('<a class="{}" href="{}">{}</a>', looks, address, text)


def nowrap(text: str) -> SafeString:
    """Text that stays on one line of a narrow column."""
    return format_html('<span class="whitespace-nowrap">{}</span>', text)


def words(machine_word: str) -> str:
    """`no_answer` as `no answer`."""
    return machine_word.replace("_", " ")
