"""Who may come in, by API tokens kept as digests; and what was answered to a request with a key."""

import hashlib
import secrets

from django.conf import settings
from django.db import models

TOKEN_PREFIX = "sct_"  # noqa: S105  a recognisable beginning, so that leaks can be searched for


def token_digest(token: str) -> str:
    """The SHA-256 of a token in hex; tokens are long and random, so no salt or stretching."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApiToken(models.Model):
    """A bearer token of one owner; the token itself is shown once and never stored."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.name or f"token {self.pk}"

    @classmethod
    def issue(cls, user: object, name: str = "") -> str:
        """Makes a token for the user and returns it, the only time it can be seen."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        cls.objects.create(user=user, name=name, digest=token_digest(token))
        return token


class IdempotencyKey(models.Model):
    """A client's `Idempotency-Key` and the 2xx answer it got; `scheduler_project.idempotency`."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="idempotency_keys",
        db_index=False,  # the constraint below begins with it
    )
    key = models.CharField(max_length=255)
    #: SHA-256 in hex of the request's method, path and body
    fingerprint = models.CharField(max_length=64, editable=False)
    status_code = models.PositiveSmallIntegerField(editable=False)
    #: the answer's JSON, character by character
    body = models.TextField(editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = "idempotency key"
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="idempotency_key_of_owner"),
        ]
        indexes = [
            # read by `idempotency.forget_expired`
            models.Index(fields=["created_at"], name="idempotency_key_age"),
        ]

    def __str__(self) -> str:
        return self.key
