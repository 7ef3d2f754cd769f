"""What happened and what is under way: executions, histories, the scheduler's health."""

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions import deciding
from executions.filters import FILTERS, opened_before, scattered
from executions.health import health
from executions.history import MOST_SHOWN, SHOWN, executions_of, history, show_execution
from executions.manual import execute_now
from executions.serializers import (
    ExecutionPageSerializer,
    ExecutionSerializer,
    HealthSerializer,
    HistorySerializer,
    present_execution,
    present_executions,
)
from executions.skipping import cancel_execution
from executions.tasks import ring_calls, ring_webhooks
from scheduled_calls.fields import read_body
from scheduler_project.errors import ProblemSerializer
from scheduler_project.front_door import PROBLEM, owner_of
from scheduler_project.idempotency import idempotent
from scheduler_project.paging import NewestFirst
from scheduler_project.query import PAGE_PARAMETERS, read_limit, refuse_unknown

TAGS = ["Executions"]
CONFLICT = {(409, PROBLEM): ProblemSerializer}


class Execute(APIView):
    """Ring now, whatever the schedule says."""

    @extend_schema(
        tags=TAGS,
        operation_id="execute_now",
        summary="Make the call now, besides its schedule",
        request=None,
        responses={202: ExecutionSerializer, **CONFLICT},
    )
    @idempotent
    def post(self, request: Request, schedule_id: str) -> Response:
        """The execution that was opened; its progress is seen in the history."""
        read_body(request.data, ())
        execution = execute_now(owner_of(request), schedule_id)
        transaction.on_commit(lambda: ring_calls([execution.pk]))
        return Response(present_execution(execution), status=status.HTTP_202_ACCEPTED)


class History(APIView):
    """What happened to one scheduled call."""

    @extend_schema(
        tags=TAGS,
        operation_id="get_history",
        summary="Executions of a scheduled call, oldest first, the coming one last",
        parameters=[
            OpenApiParameter("limit", int, description="rows, 1 to 200; 100 when not said"),
            OpenApiParameter("before", str, description="an execution's id, or an instant"),
        ],
        responses={200: HistorySerializer},
    )
    def get(self, request: Request, schedule_id: str) -> Response:
        """The newest rows, or those before `before`."""
        query = request.query_params
        refuse_unknown(query, ("limit", "before"))
        limit = read_limit(query, SHOWN, MOST_SHOWN)
        shown = history(owner_of(request), schedule_id, limit=limit, before=query.get("before"))
        return Response(shown)


class Executions(APIView):
    """All executions of the owner."""

    page_ordering = "-opened"

    @extend_schema(
        tags=TAGS,
        operation_id="list_executions",
        summary="Executions, the one opened last first",
        parameters=[
            *(known.parameter(name) for name, known in FILTERS.items()),
            *PAGE_PARAMETERS,
        ],
        responses={200: ExecutionPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """A page of those that the filters leave."""
        query = request.query_params
        rows = executions_of(owner_of(request), query)
        pages = NewestFirst(scattered=scattered(query), split=opened_before(query))
        page = pages.paginate_queryset(rows, request, self) or []
        return pages.get_paginated_response(present_executions(page))


class OneExecution(APIView):
    """One execution by its id."""

    @extend_schema(
        tags=TAGS,
        operation_id="get_execution",
        summary="One execution with its attempts",
        responses={200: ExecutionSerializer},
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """The execution, also one that is still to come."""
        refuse_unknown(request.query_params, ())
        return Response(show_execution(owner_of(request), execution_id))


class CancelExecution(APIView):
    """Skip one occurrence, or end a waiting retry."""

    @extend_schema(
        tags=TAGS,
        operation_id="cancel_execution",
        summary="Skip this occurrence, or end its retries",
        request=None,
        responses={200: ExecutionSerializer, **CONFLICT},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        """The execution as it ended; 409 when it is over or being placed."""
        read_body(request.data, ())
        execution, bells = cancel_execution(owner_of(request), execution_id)
        ring_webhooks(bells)
        return Response(present_execution(execution))


class DecideExecution(APIView):
    """Say what an unknown execution was."""

    @extend_schema(
        tags=TAGS,
        operation_id="decide_execution",
        summary="Decide an unknown execution: completed, failed, or to be rung again",
        request={"application/json": deciding.SCHEMA},
        responses={200: ExecutionSerializer, **CONFLICT},
    )
    @idempotent
    def post(self, request: Request, execution_id: str) -> Response:
        """The execution as decided; 409 when it is not unknown, or may not be rung again."""
        told = read_body(
            request.data, deciding.FIELDS, required=deciding.FIELDS, table=deciding.FIELDS
        )
        owner = owner_of(request)
        execution, bells = deciding.decide(
            execution_id, told["outcome"], owner.get_username(), told["note"], owner=owner
        )
        transaction.on_commit(lambda: ring_webhooks(bells))
        return Response(present_execution(execution))


class Health(APIView):
    """How the scheduler is."""

    @extend_schema(
        tags=["Scheduler"],
        operation_id="get_scheduler_health",
        summary="The owner's counts and the system's state",
        responses={200: HealthSerializer},
    )
    def get(self, request: Request) -> Response:
        """Always 200: `status` says how it is."""
        refuse_unknown(request.query_params, ())
        return Response(HealthSerializer(health(owner_of(request))).data)
