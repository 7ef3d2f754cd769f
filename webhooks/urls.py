"""Addresses of the webhooks room, to stand under `api/`; each answers with a last slash too."""

from django.urls import URLPattern, path
from rest_framework.views import APIView

from webhooks import views


def both(route: str, view: type[APIView], name: str) -> list[URLPattern]:
    """The route as the schema shows it, and the same with a slash, which the schema leaves out."""
    return [
        path(route, view.as_view(), name=name),
        path(f"{route}/", view.as_view(schema=None)),
    ]


urlpatterns = [
    *both("webhook-deliveries", views.DeliveryList, "webhook-deliveries"),
    *both("webhook-deliveries/test", views.TestDelivery, "webhook-test"),
    *both("webhook-deliveries/<str:delivery_id>", views.DeliveryDetail, "webhook-delivery"),
    *both("webhook-deliveries/<str:delivery_id>/redeliver", views.Redeliver, "webhook-redeliver"),
    *both("webhook-secret", views.WebhookSecret, "webhook-secret"),
    *both("webhook-secret/rotate", views.RotateWebhookSecret, "webhook-secret-rotate"),
]
