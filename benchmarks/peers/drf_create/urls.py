"""One address: POST /calls."""

from django.urls import path
from rest_framework.generics import CreateAPIView
from rest_framework.serializers import ModelSerializer

from benchmarks.peers.drf_create.models import Call


class CallSerializer(ModelSerializer[Call]):
    """All fields."""

    class Meta:
        model = Call
        fields = "__all__"


class Create(CreateAPIView[Call]):
    """Creates one."""

    serializer_class = CallSerializer


urlpatterns = [path("calls", Create.as_view())]
