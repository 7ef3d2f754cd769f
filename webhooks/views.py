"""The owner looks at what was told to whom, asks for it again, tries a URL, rotates the secret."""

from collections.abc import Mapping
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scheduler_project import clock
from scheduler_project.errors import FieldError, Invalid, NotFound, ProblemSerializer
from scheduler_project.idempotency import idempotent
from webhooks import delivery, owner_secrets
from webhooks.models import Delivery, OwnerSecret
from webhooks.serializers import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    WebhookSecretSerializer,
    WebhookTestSerializer,
)
from webhooks.tasks import parse_id, ring
from webhooks.trial import send_test

PROBLEM = "application/problem+json"
CONFLICT = {(409, PROBLEM): ProblemSerializer}


@extend_schema(
    summary="Webhook deliveries, newest first",
    parameters=[
        OpenApiParameter("schedule_id", UUID, description="of this scheduled call"),
        OpenApiParameter("execution_id", UUID, description="of this execution"),
        OpenApiParameter("status", str, enum=Delivery.Status.values),
    ],
)
class DeliveryList(generics.ListAPIView[Delivery]):
    """GET: a page of the owner's deliveries."""

    serializer_class = DeliverySerializer
    queryset = Delivery.objects.none()
    page_ordering = "-id"

    def get_queryset(self) -> QuerySet[Delivery]:
        """The owner's rows that the filters leave; raises Invalid for a filter that is none."""
        wanted = _filters(self.request.query_params)
        return Delivery.objects.filter(owner_id=owner_of(self.request), **wanted)


class DeliveryDetail(APIView):
    """GET: one delivery."""

    @extend_schema(summary="One delivery with each try", responses={200: DeliveryDetailSerializer})
    def get(self, request: Request, delivery_id: str) -> Response:
        """The delivery with its attempts."""
        found = Delivery.objects.filter(owner_id=owner_of(request), id=_id(delivery_id)).first()
        if found is None:
            raise NotFound
        return Response(DeliveryDetailSerializer(found).data)


class Redeliver(APIView):
    """POST: once more."""

    @extend_schema(
        summary="Send it again, under the same webhook-id",
        request=None,
        responses={202: DeliverySerializer, **CONFLICT},
    )
    @idempotent
    def post(self, request: Request, delivery_id: str) -> Response:
        """The delivery, due now; 409 while it is being sent."""
        again = delivery.redeliver(owner_of(request), _id(delivery_id), clock.now())
        transaction.on_commit(lambda: ring([again.id]))
        return Response(DeliverySerializer(again).data, status=status.HTTP_202_ACCEPTED)


class TestDelivery(APIView):
    """POST: try a URL."""

    @extend_schema(
        summary="Send one signed webhook.test message to a URL",
        request=WebhookTestSerializer,
        responses={202: DeliverySerializer, **CONFLICT},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """The test's delivery; its fate is seen at GET /api/webhook-deliveries/{id}."""
        made = send_test(owner_of(request), _url(request.data), clock.now())
        transaction.on_commit(lambda: ring([made.id]))
        return Response(DeliverySerializer(made).data, status=status.HTTP_202_ACCEPTED)


class WebhookSecret(APIView):
    """GET: the secret that signs this owner's messages."""

    @extend_schema(summary="The signing secret", responses={200: WebhookSecretSerializer})
    def get(self, request: Request) -> Response:
        """The secret; made now if there was none."""
        return _unstored(owner_secrets.secret_of(owner_of(request)))


class RotateWebhookSecret(APIView):
    """POST: a new secret."""

    @extend_schema(
        summary="A new signing secret; the old one signs beside it for 24 hours",
        request=None,
        responses={200: WebhookSecretSerializer},
    )
    def post(self, request: Request) -> Response:
        """The new secret."""
        return _unstored(owner_secrets.rotate(owner_of(request), clock.now()))


def owner_of(request: Request) -> int:
    """The id of the user whose token this is; the permission class has seen to it that one is."""
    owner: User = request.user  # type: ignore[assignment]
    return owner.pk


def _unstored(secret: OwnerSecret) -> Response:
    # No proxy and no browser may keep a secret (RFC 9111 section 5.2.2.5).
    headers = {"Cache-Control": "no-store"}
    return Response(WebhookSecretSerializer(secret).data, headers=headers)


def _id(text: str) -> UUID:
    id_ = parse_id(text)
    if id_ is None:
        raise NotFound
    return id_


def _filters(query: Mapping[str, str]) -> dict[str, object]:
    wanted: dict[str, object] = {}
    for name in ("schedule_id", "execution_id"):
        if text := query.get(name):
            wanted[name] = parse_id(text)
            if wanted[name] is None:
                raise _invalid(name, f"{name} is a UUID, as the API shows it.")
    if word := query.get("status"):
        if word not in Delivery.Status.values:
            raise _invalid("status", f"status is one of {', '.join(Delivery.Status.values)}.")
        wanted["status"] = word
    return wanted


def _url(data: object) -> str:
    if not isinstance(data, dict):
        raise Invalid('The body is an object such as {"url": "https://example.com/webhooks"}.')
    if unknown := sorted(str(name) for name in data.keys() - {"url"}):
        errors = [FieldError(name, "unknown_field", "Only url is known here.") for name in unknown]
        raise Invalid(errors=errors)
    url = data.get("url")
    if not isinstance(url, str) or not url.strip():
        raise _invalid("url", "Write the URL as text, like https://example.com/webhooks.")
    return url.strip()


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(field, "invalid", message)])
