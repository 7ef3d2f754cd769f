"""The product's fields in one table."""

from django.db import models


class Call(models.Model):
    """Whom to call, when."""

    agent_id = models.CharField(max_length=255)
    phone_number = models.CharField(max_length=16)
    scheduled_time = models.DateTimeField(db_index=True)
    timezone = models.CharField(max_length=64, default="UTC")
    name = models.CharField(max_length=255, blank=True, default="")
    description = models.TextField(blank=True, default="")
    customer_context = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    retry_policy = models.JSONField(null=True, blank=True)
    webhook_url = models.CharField(max_length=2048, blank=True, default="")
    status = models.CharField(max_length=16, default="active")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "drf_create"

    def __str__(self) -> str:
        return self.phone_number
