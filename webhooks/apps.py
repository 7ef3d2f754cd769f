"""The webhooks room as a Django app."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Deliveries, their attempts and the owners' signing secrets."""

    name = "webhooks"
    verbose_name = "Webhooks"
