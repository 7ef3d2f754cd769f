"""A real browser walks through the admin: nothing is blocked, nothing comes from elsewhere."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import (
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from scheduled_calls import services
from tests.client import NEXT_YEAR, one_time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
OFFLINE = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
#: milliseconds until a page must show what it is to show
PATIENCE = 15_000
CALLS = "/admin/scheduled_calls/scheduledcall/"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium found; `apt-get install chromium` brings one"
)


@pytest.fixture
def address(live_server: Any) -> str:
    """Where the site is; Alice's call and an administrator are there."""
    User.objects.create_superuser("root", "", "correct-horse")
    alice = User.objects.create_user("alice")
    services.schedule_call(alice, one_time(name="Call John"))
    url: str = live_server.url
    return url


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about."""
    return []


@pytest.fixture
def page(address: str, complaints: list[str]) -> Iterator[Page]:
    """A browser window that complains."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *OFFLINE])
        page = browser.new_page(viewport={"width": 1400, "height": 900}, base_url=address)
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        listen(page, address, complaints)
        yield page
        browser.close()


def listen(page: Page, address: str, complaints: list[str]) -> None:
    """Writes down each error in the console, each failed request, and each one to elsewhere."""

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{page.url}: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith((address, "data:")):
            complaints.append(f"elsewhere: {request.url}")

    def answered(answer: Response) -> None:
        if answer.status >= 400:
            complaints.append(f"{answer.status} {answer.url}")

    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("console", said)
    page.on("request", asked)
    page.on("response", answered)


def log_in(page: Page) -> None:
    """Through the login page."""
    page.goto("/admin/")
    page.fill("[name=username]", "root")
    page.fill("[name=password]", "correct-horse")
    page.get_by_role("button", name="Log in").click()


def test_an_operator_walks_through(page: Page, complaints: list[str]) -> None:
    log_in(page)
    expect(page.get_by_text("Whom to call and when")).to_be_visible()
    links = page.locator("#nav-sidebar-apps a").evaluate_all("all => all.map(a => a.href)")
    assert len(links) > 10
    for link in links:
        page.goto(link)
        expect(page.locator("#content-main")).to_be_visible()

    page.goto(f"{CALLS}add/")
    page.fill("[name=phone_number]", "12")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("agent_id is missing.")).to_be_visible()
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("ali")
    page.get_by_role("option", name="alice").click()
    page.fill("[name=agent_id]", "agent-1")
    page.fill("[name=phone_number]", "+12125550123")
    page.fill("[name=timezone]", "Asia/Tokyo")
    page.fill("[name=scheduled_time]", f"{NEXT_YEAR}-05-01 09:00")
    page.fill("[name=name]", "Call Jane")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    expect(page.get_by_text(f"{NEXT_YEAR}-05-01 09:00:00")).to_be_visible()

    page.get_by_role("link", name="Call Jane").first.click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused: Call Jane.")).to_be_visible()
    page.get_by_role("button", name="Cancel for good").click()
    expect(page.get_by_text("This cannot be undone.")).to_be_visible()
    page.get_by_role("button", name="Cancel for good").click()
    expect(page.get_by_text("Cancelled: Call Jane.")).to_be_visible()
    assert complaints == []


def test_ticked_calls_are_paused_from_the_list(page: Page, complaints: list[str]) -> None:
    log_in(page)
    page.goto(CALLS)
    page.locator("input.action-select").last.check()
    page.locator("select[name=action]").select_option(label="Pause")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Paused: Call John.")).to_be_visible()
    page.get_by_text("root").last.click()
    page.get_by_role("button", name=re.compile("Log out")).click()
    page.goto(CALLS)
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert complaints == []
