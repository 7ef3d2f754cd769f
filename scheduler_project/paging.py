"""Long lists in pages: newest first, by a cursor that stays right while rows are added."""

from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotFound as DrfNotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from scheduler_project.errors import FieldError, Invalid
from scheduler_project.newest import Newest

Row = TypeVar("Row", bound=Model)


class NewestFirst(CursorPagination):
    """`{"next", "previous", "results"}`; `?limit=` up to 200, 50 when not said.

    `ordering` names one unique column, so a cursor is an exact place in the list. The page is found
    by that column alone, which an index holds beside what the filters ask; only then are its rows
    read. So a filter that matches little reads an index and not a million rows. `scattered`: no
    index has what is asked for in the list's order, so it is looked for as `Newest` does.
    """

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = "-id"

    def __init__(
        self, *, scattered: bool = False, split: UUID | None = None, twin: str = ""
    ) -> None:
        self.scattered, self.split, self.twin = scattered, split, twin

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """One page of the rows; raises Invalid (400) for a limit or cursor that is none."""
        limit = request.query_params.get("limit")
        if limit is not None and not (limit.isascii() and limit.isdigit() and int(limit[:9]) >= 1):
            message = "limit is a whole number from 1 to 200."
            raise Invalid(errors=[FieldError("limit", "invalid", message)])
        self.ordering = getattr(view, "page_ordering", self.ordering)
        key = self.ordering.removeprefix("-")
        try:
            keys = queryset.values(key)
            if self.scattered:
                keys = Newest(queryset, key, self.split, self.twin)
            page: list[Any] = super().paginate_queryset(keys, request, view) or []
            return rows_in_order(queryset, key, [row[key] for row in page])
        except (ValueError, TypeError, ValidationError, DrfNotFound) as error:
            message = "This cursor is none of ours; take it from `next` or `previous`."
            raise Invalid(errors=[FieldError("cursor", "invalid", message)]) from error


def rows_in_order(rows: QuerySet[Row], key: str, wanted: list[Any]) -> list[Row]:
    """The rows whose unique column `key` has the wanted values, in that order, in one query."""
    found = {getattr(row, key): row for row in rows.filter(**{f"{key}__in": wanted}).order_by()}
    return [found[one] for one in wanted if one in found]
