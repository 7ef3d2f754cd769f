"""Schedule, look, change, pause, resume, cancel: the API of a scheduled call."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions import interruption
from executions.tasks import ring_webhooks
from scheduled_calls import services
from scheduled_calls.bulk import schedule_calls
from scheduled_calls.fields import read_body
from scheduled_calls.filters import FILTERS, scattered, twin
from scheduled_calls.listing import scheduled_calls_of
from scheduled_calls.presenting import present, present_all, present_new
from scheduled_calls.previewing import preview
from scheduled_calls.schemas import BULK, CHANGE, ONE_TIME, PAUSE, PREVIEW, RECURRING, RESUME
from scheduled_calls.serializers import (
    BulkSerializer,
    PreviewSerializer,
    ScheduledCallPageSerializer,
    ScheduledCallSerializer,
)
from scheduled_calls.tasks import ring_if_behind
from scheduler_project.errors import ProblemSerializer
from scheduler_project.front_door import PROBLEM, owner_of
from scheduler_project.idempotency import idempotent
from scheduler_project.paging import NewestFirst
from scheduler_project.parsing import RowsJSONParser
from scheduler_project.query import PAGE_PARAMETERS, refuse_unknown

TAGS = ["Scheduled calls"]
CONFLICT = {(409, PROBLEM): ProblemSerializer}


class ScheduledCalls(APIView):
    """All scheduled calls of the owner."""

    @extend_schema(
        tags=TAGS,
        operation_id="list_scheduled_calls",
        summary="Scheduled calls, newest first",
        parameters=[
            *(known.parameter(name) for name, known in FILTERS.items()),
            *PAGE_PARAMETERS,
        ],
        responses={200: ScheduledCallPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """A page of those that the filters leave."""
        query = request.query_params
        rows = scheduled_calls_of(owner_of(request), query)
        pages = NewestFirst(scattered=scattered(query), twin=twin(query))
        page = pages.paginate_queryset(rows, request, self) or []
        if "search" in query:
            ring_if_behind()
        return pages.get_paginated_response(present_all(page))

    @extend_schema(
        tags=TAGS,
        operation_id="schedule_call",
        summary="Schedule one call",
        request=ONE_TIME,
        responses={201: ScheduledCallSerializer, **CONFLICT},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """The scheduled call; beat finds it when it is due, also when that is now."""
        call = services.schedule_call(owner_of(request), request.data)
        return Response(present_new([call])[0], status=status.HTTP_201_CREATED)


class RecurringCalls(APIView):
    """Calls that come again."""

    @extend_schema(
        tags=TAGS,
        operation_id="schedule_recurring_call",
        summary="Schedule calls by a cron expression",
        request=RECURRING,
        responses={201: ScheduledCallSerializer, **CONFLICT},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """The scheduled call with its first time."""
        call = services.schedule_recurring_call(owner_of(request), request.data)
        return Response(present_new([call])[0], status=status.HTTP_201_CREATED)


class BulkCalls(APIView):
    """Up to 10,000 calls in one request."""

    parser_classes = [RowsJSONParser]

    @extend_schema(
        tags=TAGS,
        operation_id="schedule_calls",
        summary="Schedule up to 10,000 calls; a wrong one never stops a good one",
        description="Up to 16 MiB. With `atomic` a wrong one stops all: the answer is a 400 that"
        " has the wrong ones in `results`, and nothing is stored.",
        request=BULK,
        responses={200: BulkSerializer, **CONFLICT},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """What became of each, in their order."""
        return Response(schedule_calls(owner_of(request), request.data))


class Preview(APIView):
    """What would be scheduled; nothing is stored."""

    @extend_schema(
        tags=TAGS,
        operation_id="preview_scheduled_call",
        summary="When would this ring? Nothing is stored",
        request=PREVIEW,
        responses={200: PreviewSerializer},
    )
    def post(self, request: Request) -> Response:
        """The body of a creation in words and times."""
        return Response(PreviewSerializer(preview(request.data)).data)


class OneScheduledCall(APIView):
    """One scheduled call by its id."""

    @extend_schema(
        tags=TAGS,
        operation_id="get_scheduled_call",
        summary="One scheduled call",
        responses={200: ScheduledCallSerializer},
    )
    def get(self, request: Request, schedule_id: str) -> Response:
        """The scheduled call as it stands."""
        refuse_unknown(request.query_params, ())
        return Response(present(services.get(owner_of(request), schedule_id)))

    @extend_schema(
        tags=TAGS,
        operation_id="update_scheduled_call",
        summary="Change the named fields",
        request=CHANGE,
        responses={200: ScheduledCallSerializer, **CONFLICT},
    )
    def put(self, request: Request, schedule_id: str) -> Response:
        """The scheduled call with the named fields replaced, the others as they were."""
        return _answer(interruption.update(owner_of(request), schedule_id, request.data))

    @extend_schema(
        tags=TAGS,
        operation_id="patch_scheduled_call",
        summary="Change the named fields (the same as PUT)",
        request=CHANGE,
        responses={200: ScheduledCallSerializer, **CONFLICT},
    )
    def patch(self, request: Request, schedule_id: str) -> Response:
        """The same as PUT."""
        return self.put(request, schedule_id)

    @extend_schema(
        tags=TAGS,
        operation_id="cancel_scheduled_call",
        summary="Cancel for good; history stays",
        responses={200: ScheduledCallSerializer},
    )
    def delete(self, request: Request, schedule_id: str) -> Response:
        """The cancelled call; the same again."""
        return _answer(interruption.cancel(owner_of(request), schedule_id))


class Pause(APIView):
    """Stop ringing until `resume`."""

    @extend_schema(
        tags=TAGS,
        operation_id="pause_scheduled_call",
        summary="Stop ringing until resumed",
        request=PAUSE,
        responses={200: ScheduledCallSerializer, **CONFLICT},
    )
    def post(self, request: Request, schedule_id: str) -> Response:
        """The paused call; after this answer nothing rings but what `dialing` says."""
        return _answer(interruption.pause(owner_of(request), schedule_id, request.data))


class Resume(APIView):
    """Ring again."""

    @extend_schema(
        tags=TAGS,
        operation_id="resume_scheduled_call",
        summary="Ring again from now on",
        request=RESUME,
        responses={200: ScheduledCallSerializer, **CONFLICT},
    )
    def post(self, request: Request, schedule_id: str) -> Response:
        """The active call; 409 when its one time has passed."""
        read_body(request.data, ("reason",))
        return _answer(interruption.resume(owner_of(request), schedule_id))


def _answer(changed: interruption.Changed) -> Response:
    ring_webhooks(changed.bells)
    return Response(present(changed.call, dialing=changed.dialing))
