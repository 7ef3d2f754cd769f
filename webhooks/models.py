"""What is kept about a message: the message itself, each try to deliver it, its owner's secret."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from scheduler_project.ids import uuid7
from webhooks.crypto import decrypt, encrypt


class OwnerSecret(models.Model):
    """The key that signs one owner's messages, and for 24 h after a rotation the one before it."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhook_secret"
    )
    #: encrypted; read it through `secret`
    sealed = models.TextField(editable=False)
    sealed_previous = models.TextField(editable=False, blank=True, default="")
    previous_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    rotated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "signing secret"
        constraints = (
            models.CheckConstraint(
                name="webhook_secret_previous_has_an_end",
                condition=Q(sealed_previous="", previous_until=None)
                | (~Q(sealed_previous="") & Q(previous_until__isnull=False)),
            ),
        )

    def __str__(self) -> str:
        return f"signing secret of owner {self.owner_id}"

    @property
    def secret(self) -> str:
        """The secret in the clear, `whsec_` and base64."""
        return decrypt(self.sealed)

    def rotate(self, fresh: str, now: datetime, previous_until: datetime) -> None:
        """Puts `fresh` in front; the secret so far goes on signing until `previous_until`."""
        self.sealed_previous, self.previous_until = self.sealed, previous_until
        self.sealed, self.rotated_at = encrypt(fresh), now

    def signing_at(self, now: datetime) -> list[str]:
        """All secrets that sign at `now`, the newest first."""
        if self.previous_until is None or self.previous_until <= now:
            return [self.secret]
        return [self.secret, decrypt(self.sealed_previous)]


class Delivery(models.Model):
    """One message to one URL. Its id is the `webhook-id` header, the same on every try.

    `claimed_by` is a fresh token for each claim: only who still holds it may write the result.
    """

    class Status(models.TextChoices):
        """What a delivery can be, and who moves it on."""

        #: waits for `next_attempt_at`; `delivery.claim` moves it on
        PENDING = "pending"
        #: a worker sends it until `lease_until`; `delivery.record` or `delivery.rescue` moves it on
        SENDING = "sending"
        #: a 2xx came back; only `redelivery.redeliver` moves it on
        DELIVERED = "delivered"
        #: given up: 410, a useless URL, or no try left; only `redelivery.redeliver` moves it on
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="webhook_deliveries",
        # the index below leads with the owner
        db_index=False,
    )
    url = models.TextField()
    #: the URL without its query, at most 512 characters: what "two at a time" is counted by
    endpoint = models.TextField()
    #: "completed"
    event = models.TextField()
    #: "call.completed"
    type = models.TextField()
    #: exactly the text that is signed and sent
    body = models.TextField()
    schedule_id = models.UUIDField(null=True, blank=True)
    execution_id = models.UUIDField(null=True, blank=True)
    status = models.TextField(choices=Status.choices, default=Status.PENDING)
    #: tries that ended, in the whole life of the row
    attempt_count = models.PositiveIntegerField(default=0)
    #: failed tries since it was made or redelivered: the place in the retry schedule
    failures = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    #: when to ring for this row, again and again until it is over; null when over
    ring_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    claimed_by = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = (
            # Used by delivery.claim, due.claim_bells and NEXT_BELL: what is due, oldest first.
            models.Index(
                fields=["ring_at", "id"],
                name="webhook_ring",
                condition=Q(status__in=["pending", "sending"]),
            ),
            # Used by delivery.claim (is this endpoint busy?) and delivery.rescue; holds only rows
            # that are on their way.
            models.Index(
                fields=["endpoint"], name="webhook_on_its_way", condition=Q(status="sending")
            ),
            # Used by GET /api/webhook-deliveries: an owner's newest, of one status without reading
            # the others' rows.
            models.Index(fields=["owner", "-id"], include=["status"], name="webhook_newest"),
            # Used by GET /api/webhook-deliveries?schedule_id= and ?execution_id=.
            models.Index(
                fields=["schedule_id", "-id"],
                name="webhook_schedule_newest",
                condition=Q(schedule_id__isnull=False),
            ),
            models.Index(
                fields=["execution_id", "-id"],
                name="webhook_execution_newest",
                condition=Q(execution_id__isnull=False),
            ),
        )
        constraints = (
            models.CheckConstraint(
                name="webhook_status_ties_columns",
                condition=Q(
                    status="pending",
                    next_attempt_at__isnull=False,
                    ring_at__isnull=False,
                    claimed_by=None,
                    lease_until=None,
                )
                | Q(
                    status="sending",
                    ring_at__isnull=False,
                    claimed_by__isnull=False,
                    lease_until__isnull=False,
                )
                | Q(
                    status__in=["delivered", "failed"],
                    next_attempt_at=None,
                    ring_at=None,
                    claimed_by=None,
                    lease_until=None,
                ),
            ),
            models.CheckConstraint(
                name="webhook_failures_are_attempts", condition=Q(failures__lte=F("attempt_count"))
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class DeliveryAttempt(models.Model):
    """One try to deliver: when, how long, what came back. Written once, when the try is over."""

    delivery = models.ForeignKey(
        Delivery,
        on_delete=models.CASCADE,
        related_name="attempts",
        # the unique constraint's index leads with it
        db_index=False,
    )
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    #: a sentence for the operator; empty when delivered
    error = models.TextField(blank=True, default="")
    #: the first kibibyte of the answer's body
    response_excerpt = models.TextField(blank=True, default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_number"),
        )

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery_id}"
