"""How deliveries, their attempts and the signing secret look in JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webhooks.models import Delivery, DeliveryAttempt, OwnerSecret


class DeliveryAttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    """One try: `error` is empty when the message was taken; `duration_ms` is milliseconds."""

    class Meta:
        model = DeliveryAttempt
        fields = (
            "number",
            "started_at",
            "duration_ms",
            "status_code",
            "error",
            "response_excerpt",
        )
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """A delivery in a list. `id` is the `webhook-id` header; all times are UTC."""

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = (
            "id",
            "event",
            "type",
            "url",
            "schedule_id",
            "execution_id",
            "status",
            "attempt_count",
            "next_attempt_at",
            "created_at",
            "delivered_at",
            "last_error",
        )
        read_only_fields = fields


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with the text that is signed and sent, and each try, the first one first."""

    attempts = serializers.SerializerMethodField()

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "body", "attempts")
        read_only_fields = fields

    @extend_schema_field(DeliveryAttemptSerializer(many=True))
    def get_attempts(self, delivery: Delivery) -> list[dict[str, Any]]:
        """The tries in their order."""
        rows = delivery.attempts.order_by("number")
        return [dict(row) for row in DeliveryAttemptSerializer(rows, many=True).data]


class WebhookTestSerializer(serializers.Serializer[Any]):
    """Where to send the test message."""

    url = serializers.CharField()


class WebhookSecretSerializer(serializers.ModelSerializer[OwnerSecret]):
    """The secret, and until when the one before it signs too (null: there is none)."""

    secret = serializers.CharField(read_only=True)
    previous_valid_until = serializers.DateTimeField(
        source="previous_until", read_only=True, allow_null=True
    )

    class Meta:
        model = OwnerSecret
        fields = ("secret", "previous_valid_until")
