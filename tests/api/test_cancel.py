"""Cancelling a scheduled call for good."""

from tests.client import Api, problem
from tests.rows import make_execution


def test_delete_answers_the_cancelled_call_and_the_same_again(api: Api) -> None:
    call = api.schedule()
    first = api.send("delete", f"scheduled-calls/{call['id']}")
    assert first.status_code == 200
    assert (first.json()["status"], first.json()["next_run_at"]) == ("cancelled", None)
    again = api.send("delete", f"scheduled-calls/{call['id']}/")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


def test_history_stays(api: Api) -> None:
    call = api.schedule_recurring()
    execution = make_execution(call["id"])
    api.send("delete", f"scheduled-calls/{call['id']}")
    rows = api.get(f"scheduled-calls/{call['id']}/history").json()["executions"]
    assert [row["execution_id"] for row in rows] == [str(execution.pk)]


def test_a_waiting_retry_ends_with_it(api: Api) -> None:
    call = api.schedule_recurring()
    execution = make_execution(call["id"], status="retrying")
    api.send("delete", f"scheduled-calls/{call['id']}")
    assert api.get(f"executions/{execution.pk}").json()["status"] == "cancelled"


def test_dialing_says_that_one_is_just_being_placed(api: Api) -> None:
    call = api.schedule_recurring()
    make_execution(call["id"], status="dialing")
    assert api.send("delete", f"scheduled-calls/{call['id']}").json()["dialing"] is True


def test_a_call_that_is_already_ringing_is_not_hung_up(api: Api) -> None:
    call = api.schedule_recurring()
    execution = make_execution(call["id"], status="in_progress")
    assert "dialing" not in api.send("delete", f"scheduled-calls/{call['id']}").json()
    assert api.get(f"executions/{execution.pk}").json()["status"] == "in_progress"


def test_a_cancelled_call_takes_no_change_and_does_not_ring(api: Api) -> None:
    call = api.schedule()
    api.send("delete", f"scheduled-calls/{call['id']}")
    told = problem(api.send("put", f"scheduled-calls/{call['id']}", {"name": "x"}), 409)
    assert told["code"] == "cancelled"
    problem(api.post(f"scheduled-calls/{call['id']}/execute"), 409)
