"""Long lists in pages: newest first, by a cursor that stays right while rows are added."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound as DrfNotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from scheduler_project.errors import FieldError, Invalid


class NewestFirst(CursorPagination):
    """`{"next", "previous", "results"}`; `?limit=` up to 200, 50 when not said.

    `ordering` names one unique column, so a cursor is an exact place in the list.
    """

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = "-id"

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """One page of the rows; raises Invalid (400) for a limit or cursor that is none."""
        limit = request.query_params.get("limit")
        if limit is not None and not (limit.isascii() and limit.isdigit() and int(limit[:9]) >= 1):
            message = "limit is a whole number from 1 to 200."
            raise Invalid(errors=[FieldError("limit", "invalid", message)])
        self.ordering = getattr(view, "page_ordering", self.ordering)
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, TypeError, ValidationError, DrfNotFound) as error:
            message = "This cursor is none of ours; take it from `next` or `previous`."
            raise Invalid(errors=[FieldError("cursor", "invalid", message)]) from error
