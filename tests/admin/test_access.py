"""Who comes in: logins under the login protection, API tokens, and what each may see."""

import re
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User

from scheduler_project.models import ApiToken, token_digest
from tests.admin.site import Site, text_of, told
from tests.client import Api

TOKENS = "scheduler_project/apitoken/"


@pytest.fixture
def root(db: None, settings: Any) -> User:
    """An administrator with a password, under a login protection that is soon at its limit."""
    settings.AXES_FAILURE_LIMIT = 3
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_superuser("root", "", "correct-horse")


@pytest.fixture
def roots_site(root: User) -> Site:
    """The admin as the administrator uses it."""
    return Site(root)


def login(site: Site, password: str) -> int:
    """A try to log in; the status of the page behind it."""
    data = {"username": "root", "password": password, "next": "/admin/"}
    status: int = site.post("login/", data).status_code
    return status


def test_login_and_logout(root: User) -> None:
    site = Site()
    assert "Log in" in text_of(site.client.get("/admin/", follow=True))
    login(site, "correct-horse")
    assert "Whom to call and when" in text_of(site.get())
    site.post("logout/")
    assert site.get().status_code == 302


def test_a_login_that_was_on_the_way_to_nowhere_leads_to_the_first_page(root: User) -> None:
    answer = Site().post("login/", {"username": "root", "password": "correct-horse"})
    assert answer.redirect_chain[-1][0] == "/admin/"
    assert answer.status_code == 200


def test_a_wrong_password_says_so_and_stays_out(root: User) -> None:
    site = Site()
    answer = site.post("login/", {"username": "root", "password": "wrong"})
    assert "Please enter the correct" in text_of(answer)
    assert site.get().status_code == 302


def test_after_too_many_wrong_passwords_the_right_one_is_refused_too(root: User) -> None:
    site = Site()
    statuses = [login(site, "wrong") for _ in range(3)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert login(site, "correct-horse") == 429
    assert site.get().status_code == 302


def test_deleting_the_failed_logins_lets_them_in_again(root: User, roots_site: Site) -> None:
    site = Site()
    for _ in range(3):
        login(site, "wrong")
    ids = [row.pk for row in AccessAttempt.objects.all()]
    roots_site.act("axes/accessattempt/", "delete_selected", ids, post="yes")
    assert login(site, "correct-horse") == 200


def test_a_new_token_is_told_once_and_works(roots_site: Site, alice: User) -> None:
    answer = roots_site.post(f"{TOKENS}add/", {"user": alice.pk, "name": "for tests"})
    (sentence, _) = told(answer)
    token = re.findall(r"sct_\S+", sentence)[0]
    assert Api(token).get("scheduled-calls").status_code == 200
    made = ApiToken.objects.get()
    assert (made.user, made.name) == (alice, "for tests")
    for path in (TOKENS, f"{TOKENS}{made.pk}/change/"):
        again = roots_site.get(path).content.decode()
        assert "for tests" in again
        assert token not in again
        assert token_digest(token) not in again


def test_a_deleted_token_is_revoked(roots_site: Site, alice: User) -> None:
    token = ApiToken.issue(alice)
    row = ApiToken.objects.get()
    roots_site.post(f"{TOKENS}{row.pk}/delete/", {"post": "yes"})
    assert Api(token).get("scheduled-calls").status_code == 401


def test_a_token_is_never_changed(roots_site: Site, alice: User, bob: User) -> None:
    ApiToken.issue(alice)
    row = ApiToken.objects.get()
    assert roots_site.post(f"{TOKENS}{row.pk}/change/", {"user": bob.pk}).status_code == 403
    row.refresh_from_db()
    assert row.user == alice


@pytest.mark.parametrize("data", [{}, {"user": "x"}, {"user": "1", "name": "a\x00"}])
def test_a_wrong_token_form_is_no_crash(roots_site: Site, data: dict[str, str]) -> None:
    assert roots_site.post(f"{TOKENS}add/", data).status_code == 200
    assert not ApiToken.objects.exists()


def test_the_first_page_is_grouped(roots_site: Site) -> None:
    shown = text_of(roots_site.get())
    places = [shown.index(about) for about in ("Whom to call", "What was told", "Who may come in")]
    assert places == sorted(places)


def test_everybody_sees_only_what_they_may(db: None) -> None:
    nobody = User.objects.create_user("nobody", is_staff=True)
    site = Site(nobody)
    assert "You have no permission for any page here" in text_of(site.get())
    for path in ("scheduled_calls/scheduledcall/", TOKENS, "auth/user/"):
        assert site.get(path).status_code == 403


def test_all_pages_of_the_menu_open(roots_site: Site) -> None:
    links = set(re.findall(r'href="(/admin/[^"]+/)"', roots_site.get().content.decode()))
    assert len(links) > 12
    for link in links - {"/admin/logout/"}:
        assert roots_site.client.get(link).status_code == 200, link
