"""The operators' lists, when there is more than one page and more than is counted."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from executions import interruption
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduler_project import newest
from scheduler_project.admin_base import About, EstimatingPaginator
from tests.admin.site import CALLS, EXECUTIONS, Site, text_of
from tests.client import recurring
from tests.rows import make_execution


@pytest.fixture(scope="module")
def many(standing: DjangoDbBlocker) -> list[ScheduledCall]:
    """A hundred and twenty calls, of which sixty are Iris's; one execution of each.

    A search looks through ids, too: the name has a letter that no hexadecimal number has.
    """
    made = []
    with standing.unblock():
        owner = User.objects.create_user("owner of many")
        for number in range(120):
            name, phone_number = "Iris" if number % 2 else "Max", f"+1212555{number:04}"
            body = recurring(name=name, phone_number=phone_number)
            made.append(services.schedule_recurring_call(owner, body))
            make_execution(str(made[-1].pk))
        for call in made[10:65]:
            interruption.pause(owner, call.pk)
        connection.check_constraints()  # else once more at the end of each test
    return made


@pytest.mark.parametrize("kept", [1_000, 5])
@pytest.mark.parametrize("near", [10_000, 3])
@pytest.mark.parametrize("query", [{"q": "iris"}, {"status__exact": "paused"}, {"o": "-5"}])
def test_the_pages_hold_each_row_once_and_in_order(
    site: Site, many: list[ScheduledCall], monkeypatch: pytest.MonkeyPatch,
    query: dict[str, str], near: int, kept: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(newest, "NEAR", near)
    monkeypatch.setattr(EstimatingPaginator, "KEPT", kept)
    shown = [site.get(CALLS, **query, p=str(page)).context["cl"] for page in (1, 2)]
    ids = [row.pk for page in shown for row in page.result_list]
    wanted = shown[0].queryset.values_list("pk", flat=True)
    assert ids == [*wanted[:100]]
    assert shown[0].result_count == wanted.count()
    assert len(ids) > 50


@pytest.mark.parametrize("kept", [1_000, 5])
def test_executions_of_a_search_are_found_in_order(
    site: Site, many: list[ScheduledCall], monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(newest, "NEAR", 3)
    monkeypatch.setattr(EstimatingPaginator, "KEPT", kept)
    found = site.get(EXECUTIONS, q="iris").context["cl"]
    names = {row.scheduled_call.name for row in found.result_list}
    assert (found.result_count, len(found.result_list), names) == (60, 50, {"Iris"})
    opened = [row.opened for row in found.result_list]
    assert opened == sorted(opened, reverse=True)


@pytest.mark.parametrize("words", ["zq", "5550007"])
def test_a_search_that_finds_little_looks_through_the_texts_once(
    site: Site, many: list[ScheduledCall], words: str
) -> None:
    with CaptureQueriesContext(connection) as asked:
        found = site.get(CALLS, q=words).context["cl"]
    assert len(found.result_list) == found.result_count == (words != "zq")
    searches = [each for each in asked.captured_queries if "LIKE '%' ||" in each["sql"]]
    assert len([each for each in searches if "LIMIT" in each["sql"]]) == 1


def test_an_estimate_says_that_it_is_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "about" not in text_of(site.get(CALLS))
    monkeypatch.setattr("scheduler_project.admin_base._estimate", lambda rows: 1_230_456)
    assert "about 1,200,000 scheduled calls" in text_of(site.get(CALLS))


@pytest.mark.parametrize(
    ("number", "words"),
    [(10_001, "about 10,000"), (12_780, "about 13,000"), (99_900, "about 100,000")],
)
def test_an_estimate_is_shown_to_two_digits(number: int, words: str) -> None:
    assert str(About(number)) == words
    assert About(number) == number
