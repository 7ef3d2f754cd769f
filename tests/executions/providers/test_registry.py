"""Which adapter dials, and what a wrong setting says."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from executions.checks import call_provider_is_usable
from executions.providers.http import HttpProvider
from executions.providers.registry import current_provider, provider_named
from executions.providers.sandbox import SandboxProvider
from tests.executions.providers.make import SECRET


class OurOwn(SandboxProvider):
    """An adapter that lives outside the package."""


@pytest.fixture
def choose(settings: Any) -> Any:
    """Sets some fields of settings.SCHEDULER."""

    def _choose(**changes: Any) -> None:
        settings.SCHEDULER = replace(settings.SCHEDULER, **changes)

    return _choose


def test_the_sandbox_dials_by_default(choose: Any) -> None:
    choose(call_provider="sandbox")
    assert type(current_provider()) is SandboxProvider


def test_an_adapter_is_made_once(choose: Any) -> None:
    choose(call_provider="sandbox", sandbox_speed=2.0)
    assert current_provider() is current_provider()


def test_changed_settings_make_another(choose: Any) -> None:
    choose(call_provider="sandbox", sandbox_speed=2.0)
    before = current_provider()
    choose(sandbox_speed=4.0)
    assert current_provider() is not before


def test_a_dotted_path_names_an_adapter_of_ones_own() -> None:
    assert type(provider_named(f"{__name__}.OurOwn")) is OurOwn


@pytest.mark.parametrize("name", ["twillio", "", "no.such.Thing", "json.JSONDecoder", ".x", "a b"])
def test_a_name_without_an_adapter_stops_the_start(choose: Any, name: str) -> None:
    choose(call_provider=name)
    with pytest.raises(ImproperlyConfigured, match="SCHEDULER_CALL_PROVIDER"):
        current_provider()
    assert [found.id for found in call_provider_is_usable(None)] == ["executions.E001"]


def test_the_check_names_what_http_lacks(choose: Any) -> None:
    choose(call_provider="http", http_call_url="", http_call_token="", http_call_secret="")
    assert [found.id for found in call_provider_is_usable(None)] == ["executions.E001"]
    choose(http_call_url="https://calls.example")
    assert [found.id for found in call_provider_is_usable(None)] == [
        "executions.W001",
        "executions.W002",
    ]
    choose(http_call_token="t", http_call_secret=SECRET)
    assert call_provider_is_usable(None) == []
    assert type(current_provider()) is HttpProvider
