"""At the API's front door: who asks, and addresses that answer with a last slash as well."""

from typing import cast

from django.contrib.auth.models import User
from django.urls import URLPattern, path
from rest_framework.request import Request
from rest_framework.views import APIView

PROBLEM = "application/problem+json"


def owner_of(request: Request) -> User:
    """The user whose token this is; the permission class has seen to it that there is one."""
    return cast(User, request.user)


def both(route: str, view: type[APIView], name: str) -> list[URLPattern]:
    """The route as the schema shows it, and the same with a slash, which the schema leaves out.

    Two routes and no redirect: a redirected POST arrives as a GET.
    """
    return [
        path(route, view.as_view(), name=name),
        path(f"{route}/", view.as_view(schema=None)),
    ]
