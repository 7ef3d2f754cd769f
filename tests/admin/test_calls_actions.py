"""Operators pause, resume, cancel and execute; each result is told in a sentence."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from executions import interruption
from executions.manual import execute_now
from executions.models import Execution
from scheduled_calls.models import ScheduledCall
from tests.admin.rows import being_dialed
from tests.admin.site import CALLS, Site, text_of, told


def test_ticked_calls_are_paused_and_resumed(
    site: Site, call: ScheduledCall, weekly: ScheduledCall
) -> None:
    assert told(site.act(CALLS, "pause_calls", [call, weekly])) == [f"Paused: {weekly}, {call}."]
    assert set(ScheduledCall.objects.values_list("status", flat=True)) == {"paused"}
    site.act(CALLS, "resume_calls", [call, weekly])
    assert set(ScheduledCall.objects.values_list("status", flat=True)) == {"active"}


def test_each_failure_gets_its_sentence(
    site: Site, alice: User, call: ScheduledCall, weekly: ScheduledCall
) -> None:
    interruption.cancel(alice, call.pk)
    assert told(site.act(CALLS, "pause_calls", [call, weekly])) == [
        f"{call}: This scheduled call is cancelled; there is nothing to pause.",
        f"Paused: {weekly}.",
    ]


def test_cancelling_asks_first_and_keeps_history(
    site: Site, alice: User, weekly: ScheduledCall
) -> None:
    execution = execute_now(alice, weekly.pk)
    asked = site.act(CALLS, "cancel_calls", [weekly])
    assert "Cancel 1 scheduled call for good?" in text_of(asked)
    weekly.refresh_from_db()
    assert weekly.status == "active"
    site.act(CALLS, "cancel_calls", [weekly], confirmed="yes")
    weekly.refresh_from_db()
    assert (weekly.status, weekly.next_run_at) == ("cancelled", None)
    assert Execution.objects.filter(pk=execution.pk).exists()


def test_the_buttons_of_a_calls_page_do_the_same(site: Site, call: ScheduledCall) -> None:
    assert told(site.press(call.pk, "pause")) == [f"Paused: {call}."]
    assert told(site.press(call.pk, "resume")) == [f"Active: {call}."]
    assert "for good?" in text_of(site.press(call.pk, "cancel"))
    assert told(site.press(call.pk, "cancel", confirmed="yes")) == [f"Cancelled: {call}."]
    call.refresh_from_db()
    assert call.status == "cancelled"


def test_execute_now_opens_an_execution_by_hand(site: Site, call: ScheduledCall) -> None:
    assert told(site.press(call.pk, "execute")) == [f"Ringing now: {call}."]
    assert Execution.objects.get().trigger == "manual"
    assert told(site.press(call.pk, "execute")) == [
        f"{call}: An execution of this scheduled call is pending; wait until it is over."
    ]


def test_a_call_that_is_being_dialed_is_told(
    site: Site, alice: User, weekly: ScheduledCall
) -> None:
    being_dialed(execute_now(alice, weekly.pk))
    assert told(site.press(weekly.pk, "pause")) == [
        f"{weekly} is being dialed right now; that call cannot be stopped any more.",
        f"Paused: {weekly}.",
    ]


def test_who_did_it_is_recorded(site: Site, operator: User, call: ScheduledCall) -> None:
    site.press(call.pk, "pause")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (
        operator,
        str(call.pk),
        "Paused.",
    )


def test_a_look_changes_nothing(site: Site, call: ScheduledCall) -> None:
    assert site.get(f"{CALLS}{call.pk}/do/pause/").status_code == 405
    call.refresh_from_db()
    assert call.status == "active"


def test_a_button_without_its_csrf_token_does_nothing(operator: User, call: ScheduledCall) -> None:
    strict = Site(operator, enforce_csrf_checks=True)
    assert strict.press(call.pk, "pause").status_code == 403
    assert strict.act(CALLS, "pause_calls", [call]).status_code == 403
    call.refresh_from_db()
    assert call.status == "active"


@pytest.mark.parametrize("verb", ["nonsense", "delete"])
def test_an_unknown_verb_is_a_sentence(site: Site, call: ScheduledCall, verb: str) -> None:
    assert told(site.press(call.pk, verb)) == [
        "There is no such scheduled call or action any more."
    ]


def test_nobody_deletes(site: Site, operator: User, call: ScheduledCall) -> None:
    User.objects.filter(pk=operator.pk).update(is_superuser=True)
    assert site.post(f"{CALLS}{call.pk}/delete/", {"post": "yes"}).status_code == 403
    site.act(CALLS, "delete_selected", [call], post="yes")
    assert ScheduledCall.objects.filter(pk=call.pk).exists()
    assert "delete_selected" not in site.get(CALLS).content.decode()


def test_an_onlooker_sees_and_does_nothing(onlookers_site: Site, call: ScheduledCall) -> None:
    site = onlookers_site
    page = site.get(f"{CALLS}{call.pk}/change/")
    assert page.status_code == 200
    assert f"{CALLS}{call.pk}/do/" not in page.content.decode()
    assert "pause_calls" not in site.get(CALLS).content.decode()
    assert site.press(call.pk, "pause").status_code == 403
    assert site.act(CALLS, "pause_calls", [call]).status_code == 403
    assert site.post(f"{CALLS}{call.pk}/change/", {"name": "New"}).status_code == 403
    assert site.get(f"{CALLS}add/").status_code == 403
    call.refresh_from_db()
    assert (call.status, call.name) == ("active", "Follow-up call for John")


def test_who_is_no_staff_sees_nothing(alice: User, call: ScheduledCall) -> None:
    site = Site(alice)
    for path in ("", CALLS, f"{CALLS}{call.pk}/change/"):
        assert site.get(path).status_code == 302
    assert Client().post(f"/admin/{CALLS}{call.pk}/do/pause/").status_code == 302
    call.refresh_from_db()
    assert call.status == "active"
