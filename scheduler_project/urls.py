"""Which address leads where."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from scheduler_project import health
from scheduler_project.throttling import Strangers

OPEN = {"throttle_classes": [Strangers]}

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("api/schema", SpectacularAPIView.as_view(**OPEN), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema", **OPEN), name="docs"),
    path("api/", include("scheduled_calls.urls")),
    path("api/", include("executions.urls")),
    path("api/", include("executions.callbacks")),
    path("api/", include("webhooks.urls")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
]
handler400 = "scheduler_project.errors.bad_request"
handler404 = "scheduler_project.errors.page_not_found"
handler500 = "scheduler_project.errors.server_error"
