"""Staff throw and lift stop switches by the API; nobody else sees them."""

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions import switches
from executions.models import StopScope, StopSwitch
from scheduled_calls.fields import read_body
from scheduled_calls.serializers import UtcTime
from scheduler_project import clock
from scheduler_project.errors import ProblemSerializer
from scheduler_project.front_door import PROBLEM, owner_of
from scheduler_project.idempotency import idempotent
from scheduler_project.paging import NewestFirst
from scheduler_project.query import PAGE_PARAMETERS, Filter, conditions

TAGS = ["Stop switches"]
FORBIDDEN = {(403, PROBLEM): ProblemSerializer}
CONFLICT = {(409, PROBLEM): ProblemSerializer}


class IsStaff(BasePermission):
    """A switch stops everybody's calls, so only the staff's tokens reach it."""

    message = "Stop switches are for the staff; this token's user is not one of them."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the token's user is staff."""
        return bool(request.user and request.user.is_staff)


class StopSwitchSerializer(serializers.Serializer[StopSwitch]):
    """A stop switch; `ends_at` is when it ends by itself, `ended_at` when it was lifted."""

    id = serializers.CharField()
    scope = serializers.ChoiceField(choices=StopScope.choices)
    value = serializers.CharField(help_text="agent id or first digits; empty for all calls")
    reason = serializers.CharField()
    author = serializers.CharField()
    created_at = UtcTime()
    ends_at = UtcTime(allow_null=True)
    ended_at = UtcTime(allow_null=True)
    lifted_by = serializers.CharField(help_text="empty when nobody lifted it")
    active = serializers.SerializerMethodField()

    def get_active(self, found: StopSwitch) -> bool:
        """Whether it is in force now."""
        return found.is_active(self.context["now"])


class StopSwitchPageSerializer(serializers.Serializer[Any]):
    """A page of stop switches, the one thrown last first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = StopSwitchSerializer(many=True)


def _in_force(text: str) -> Q:
    if text not in ("true", "false"):
        raise ValueError("write true or false.")
    found = switches.in_force(clock.now())
    return found if text == "true" else ~found


FILTERS = {"active": Filter(_in_force, "those in force, or those over", words=("true", "false"))}


class StopSwitches(APIView):
    """All stop switches, and a new one."""

    permission_classes = [IsAuthenticated, IsStaff]

    @extend_schema(
        tags=TAGS,
        operation_id="list_stop_switches",
        summary="Stop switches, the one thrown last first; for staff",
        parameters=[
            *(known.parameter(name) for name, known in FILTERS.items()),
            *PAGE_PARAMETERS,
        ],
        responses={200: StopSwitchPageSerializer, **FORBIDDEN},
    )
    def get(self, request: Request) -> Response:
        """A page of those that the filter leaves."""
        rows = StopSwitch.objects.filter(conditions(request.query_params, FILTERS))
        pages = NewestFirst()
        page = pages.paginate_queryset(rows, request, self) or []
        now = clock.now()
        return pages.get_paginated_response([_shown(found, now) for found in page])

    @extend_schema(
        tags=TAGS,
        operation_id="throw_stop_switch",
        summary="Stop all calls, an agent's, or those to numbers that begin so; for staff",
        request={"application/json": switches.SCHEMA},
        responses={201: StopSwitchSerializer, **FORBIDDEN, **CONFLICT},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """The switch. A request to the call service leaves at most about a second later."""
        made = switches.throw(request.data, owner_of(request).get_username())
        return Response(_shown(made, clock.now()), status=status.HTTP_201_CREATED)


class LiftStopSwitch(APIView):
    """Let calls ring again."""

    permission_classes = [IsAuthenticated, IsStaff]

    @extend_schema(
        tags=TAGS,
        operation_id="lift_stop_switch",
        summary="Lift a stop switch; for staff",
        request=None,
        responses={200: StopSwitchSerializer, **FORBIDDEN},
    )
    def post(self, request: Request, switch_id: str) -> Response:
        """The switch, over; what waited is rung for within a minute, if it is still in time."""
        read_body(request.data, ())
        lifted = switches.lift(switch_id, owner_of(request).get_username())
        return Response(_shown(lifted, clock.now()))


def _shown(found: StopSwitch, now: Any) -> Any:
    return StopSwitchSerializer(found, context={"now": now}).data
