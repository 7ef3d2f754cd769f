"""Pages of the origins that the operator named may use the API from a browser, no others."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured

from scheduler_project import env
from tests.client import one_time
from tests.system import ROOT, System
from tests.system_fixtures import systems

NAME = "SCHEDULER_CORS_ALLOWED_ORIGINS"
PAGE = "https://app.example.com"
OTHER = "http://localhost:3000"


@pytest.fixture(scope="module")
def named(
    template_database: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """A web process whose operator named two origins."""
    folder = tmp_path_factory.mktemp("cors")
    with systems(template_database, worker_id, folder) as (make, _):
        system = make(**{NAME: f"{PAGE}, {OTHER}"})
        system.start_web()
        yield system


def ask(
    system: System, method: str, path: str, origin: str = PAGE, token: str = "", **headers: str
) -> requests.Response:
    """A request as a page of that origin sends it; redirects are not followed."""
    headers = {"Origin": origin, **headers}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = one_time() if method == "POST" else None
    return requests.request(
        method, system.url + path, headers=headers, json=body, timeout=30, allow_redirects=False
    )


def preflight(
    system: System, path: str = "/api/scheduled-calls", origin: str = PAGE
) -> requests.Response:
    """What a browser asks before a POST with a token."""
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-request-id",
    }
    return ask(system, "OPTIONS", path, origin, **wanted)


def words(answer: requests.Response, header: str) -> set[str]:
    """A header's comma-separated words, in small letters."""
    return {word.strip().lower() for word in answer.headers.get(header, "").split(",")}


def told_to_browsers(answer: requests.Response) -> list[str]:
    """The headers that open an answer to pages of other origins."""
    return [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("origin", [PAGE, OTHER])
def test_a_preflight_is_answered_without_a_token(named: System, origin: str) -> None:
    answer = preflight(named, origin=origin)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "post" in words(answer, "Access-Control-Allow-Methods")
    assert words(answer, "Access-Control-Allow-Headers") == {
        "authorization", "content-type", "idempotency-key", "x-request-id",
    }  # fmt: skip
    assert answer.headers["X-Request-ID"]


def test_a_page_schedules_a_call_and_may_read_the_headers(named: System) -> None:
    answer = ask(named, "POST", "/api/scheduled-calls", token=named.token)
    assert answer.status_code == 201
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert words(answer, "Access-Control-Expose-Headers") == {
        "idempotent-replayed", "retry-after", "www-authenticate", "x-request-id",
    }  # fmt: skip
    assert "origin" in words(answer, "Vary")  # no cache may give it to another page


def test_a_page_may_read_what_went_wrong(named: System) -> None:
    no_token = ask(named, "GET", "/api/scheduled-calls")
    nowhere = ask(named, "GET", "/api/nowhere", token=named.token)
    too_large = requests.post(
        f"{named.url}/api/scheduled-calls",
        data=b"x" * 600_000,
        headers={"Origin": PAGE},
        timeout=30,
    )
    assert [no_token.status_code, nowhere.status_code, too_large.status_code] == [401, 404, 413]
    for answer in (no_token, nowhere, too_large):
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com", "https://app.example.com.evil.example", "null",
        "http://app.example.com", "https://app.example.com:8443", "https://sub.app.example.com",
        "http://localhost", "http://localhost:3001",
    ],
)  # fmt: skip
def test_no_other_page_is_let_in(named: System, origin: str) -> None:
    assert told_to_browsers(preflight(named, origin=origin)) == []
    answer = ask(named, "GET", "/api/scheduled-calls", origin, named.token)
    assert told_to_browsers(answer) == []
    assert "origin" in words(answer, "Vary")


def test_cookies_are_never_asked_for(named: System) -> None:
    answers = [preflight(named), ask(named, "GET", "/api/scheduled-calls", token=named.token)]
    assert ["Access-Control-Allow-Credentials" in one.headers for one in answers] == [False] * 2


@pytest.mark.parametrize("path", ["/admin/login/", "/healthz", "/api/providers/http/callback/x/y"])
def test_pages_have_no_business_outside_the_api(named: System, path: str) -> None:
    assert told_to_browsers(ask(named, "GET", path)) == []
    assert told_to_browsers(preflight(named, path)) == []


def test_it_is_off_unless_an_origin_is_named() -> None:
    from django.conf import settings

    assert settings.CORS_ALLOWED_ORIGINS == []
    assert [name for name in settings.MIDDLEWARE if "cors" in name] == []


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com", "http://localhost:3000", "http://127.0.0.1:8000",
        "https://xn--bcher-kva.example", "http://[::1]:5173", "https://a-b.example:8443",
    ],
)  # fmt: skip
def test_an_origin_is_taken_as_it_stands(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, f" {origin} ,,{origin}")
    assert env.origins(NAME) == [origin]


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("*", "each page must be named"),
        ("app.example.com", "http:// or https://"),
        ("null", "http:// or https://"),
        ("ftp://app.example.com", "http:// or https://"),
        ("https://app.example.com:x", "http:// or https://"),
        ("https://app.example.com:99999", "http:// or https://"),
        ("https://", "one host"),
        ("https://*.example.com", "no wildcard"),
        ("https://user:pass@app.example.com", "no name and password"),
        ("https://bücher.example", "ASCII"),
        ("https://app example.com", "one host"),
        ("https://999.1.1.1", "one host"),
        ("http://[::zz]", "http:// or https://"),
        ("http://[0:0:0:0:0:0:0:1]", "one host"),
        ("https://app.example.com/", ": https://app.example.com."),
        ("https://app.example.com/page?x#y", ": https://app.example.com."),
        ("https://App.Example.com", ": https://app.example.com."),
        ("HTTPS://app.example.com", ": https://app.example.com."),
        ("https://app.example.com:443", ": https://app.example.com."),
        ("http://app.example.com:080", ": http://app.example.com."),
        ("http://app.example.com:08080", ": http://app.example.com:8080."),
    ],
)
def test_a_bad_one_is_refused_with_what_would_be_right(
    word: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, f"https://good.example.com,{word}")
    with pytest.raises(ImproperlyConfigured) as refused:
        env.origins(NAME)
    assert str(refused.value).startswith(f"{NAME} holds {word!r}")
    assert right in str(refused.value)


def test_a_bad_one_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "https://app.example.com/")
    started = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode != 0
    assert f"{NAME} holds 'https://app.example.com/'" in started.stderr
