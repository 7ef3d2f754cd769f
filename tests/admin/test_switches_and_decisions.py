"""Operators throw and lift stop switches, and decide what an unknown execution was."""

import pytest
from django.contrib.auth.models import Permission, User

from executions.models import Execution, StopSwitch
from executions.switches import stop
from scheduled_calls.models import ScheduledCall
from tests.admin.site import EXECUTIONS, Site, text_of, told, wrong
from tests.rows import make_attempt, make_execution

SWITCHES = "executions/stopswitch/"
EMPTY = {"value": "", "ends_at_0": "", "ends_at_1": ""}


@pytest.fixture
def guard(operator: User) -> Site:
    """The admin as an operator uses it who may throw and lift switches."""
    codes = ["add_stopswitch", "change_stopswitch"]
    operator.user_permissions.add(*Permission.objects.filter(codename__in=codes))
    return Site(operator)


def test_a_switch_is_thrown_by_who_is_logged_in(guard: Site) -> None:
    answer = guard.post(
        f"{SWITCHES}add/", {**EMPTY, "scope": "agent", "value": "a-1", "reason": "r"}
    )
    assert answer.status_code == 200
    found = StopSwitch.objects.get()
    assert (found.scope, found.value, found.reason, found.author) == ("agent", "a-1", "r", "olga")
    for path in (SWITCHES, f"{SWITCHES}{found.pk}/change/"):
        shown = text_of(guard.get(path))
        assert "one agent's calls" in shown
        assert "in force" in shown


def test_wrong_fields_are_named_and_nothing_is_thrown(guard: Site) -> None:
    answer = guard.post(
        f"{SWITCHES}add/", {**EMPTY, "scope": "number_prefix", "value": "44", "reason": "r"}
    )
    assert "write a plus" in wrong(answer)["value"]
    past = {"ends_at_0": "2001-01-01", "ends_at_1": "00:00:00"}
    answer = guard.post(f"{SWITCHES}add/", {**EMPTY, **past, "scope": "global", "reason": "r"})
    assert "has passed" in wrong(answer)["ends_at"]
    assert "reason" in wrong(guard.post(f"{SWITCHES}add/", {**EMPTY, "scope": "global"}))
    assert not StopSwitch.objects.exists()


@pytest.mark.parametrize("by", ["list", "button"])
def test_a_switch_is_lifted(guard: Site, by: str) -> None:
    found = stop("global", "", "drill", "viktor")
    if by == "list":
        answer = guard.act(SWITCHES, "lift_switches", [found])
    else:
        assert (
            f"{SWITCHES}{found.pk}/lift/"
            in guard.get(f"{SWITCHES}{found.pk}/change/").content.decode()
        )
        answer = guard.post(f"{SWITCHES}{found.pk}/lift/")
    assert told(answer) == ["Lifted: all calls: drill."]
    found.refresh_from_db()
    assert (found.lifted_by, found.ended_at is None) == ("olga", False)
    assert f"{found.pk}/lift/" not in guard.get(f"{SWITCHES}{found.pk}/change/").content.decode()


def test_an_onlooker_throws_and_lifts_nothing(onlookers_site: Site) -> None:
    found = stop("global", "", "drill", "viktor")
    assert onlookers_site.get(SWITCHES).status_code == 200
    assert (
        f"{found.pk}/lift/"
        not in onlookers_site.get(f"{SWITCHES}{found.pk}/change/").content.decode()
    )
    assert onlookers_site.get(f"{SWITCHES}add/").status_code == 403
    assert onlookers_site.post(f"{SWITCHES}{found.pk}/lift/").status_code == 403
    assert onlookers_site.act(SWITCHES, "lift_switches", [found]).status_code == 403
    assert StopSwitch.objects.get().ended_at is None


def test_nobody_edits_or_deletes_a_switch(guard: Site, operator: User) -> None:
    User.objects.filter(pk=operator.pk).update(is_superuser=True)
    found = stop("global", "", "drill", "viktor")
    assert guard.post(f"{SWITCHES}{found.pk}/change/", {"reason": "none"}).status_code == 403
    assert guard.post(f"{SWITCHES}{found.pk}/delete/", {"post": "yes"}).status_code == 403
    assert StopSwitch.objects.get().reason == "drill"


# --- deciding


@pytest.fixture
def unknown(weekly: ScheduledCall) -> Execution:
    """One of which nobody knows what became."""
    execution = make_execution(str(weekly.pk), status="unknown")
    make_attempt(execution, status="unknown", outcome=None, ended_at=None)
    return execution


@pytest.mark.parametrize(
    ("word", "status"), [("completed", "completed"), ("failed", "failed"), ("retry", "retrying")]
)
def test_an_unknown_one_is_decided_after_one_more_question(
    site: Site, unknown: Execution, word: str, status: str
) -> None:
    button = f"{EXECUTIONS}{unknown.pk}/decide/{word}/"
    assert button in site.get(f"{EXECUTIONS}{unknown.pk}/change/").content.decode()
    assert "a later report" in text_of(site.post(button))
    unknown.refresh_from_db()
    assert unknown.status == "unknown"
    answer = site.post(button, {"confirmed": "yes", "note": "she called back"})
    assert told(answer)[0].startswith("Decided: ")
    unknown.refresh_from_db()
    assert (unknown.status, unknown.reason) == (status, "operator")
    assert unknown.details is not None
    assert unknown.details["decision"]["author"] == "olga"
    assert button not in answer.content.decode()


def test_without_a_note_nothing_is_decided(site: Site, unknown: Execution) -> None:
    answer = site.post(f"{EXECUTIONS}{unknown.pk}/decide/failed/", {"confirmed": "yes"})
    assert "note" in told(answer)[0]
    unknown.refresh_from_db()
    assert unknown.status == "unknown"


def test_an_onlooker_decides_nothing(onlookers_site: Site, unknown: Execution) -> None:
    address = f"{EXECUTIONS}{unknown.pk}/decide/failed/"
    assert address not in onlookers_site.get(f"{EXECUTIONS}{unknown.pk}/change/").content.decode()
    assert onlookers_site.post(address, {"confirmed": "yes", "note": "x"}).status_code == 403
    unknown.refresh_from_db()
    assert unknown.status == "unknown"


def test_a_word_that_is_no_decision_is_no_crash(site: Site, unknown: Execution) -> None:
    answer = site.post(f"{EXECUTIONS}{unknown.pk}/decide/perhaps/")
    assert told(answer) == ["There is no such execution or decision any more."]
    assert site.get(f"{EXECUTIONS}{unknown.pk}/decide/failed/").status_code == 405
