"""Which address leads where."""

from typing import Any

urlpatterns: list[Any] = []
