"""The shared environment: secrets made once, private files, the developer's own addresses."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from devtools import environment


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS"):
        monkeypatch.delenv(name, raising=False)


def run_values(state: Path) -> dict[str, str]:
    return environment.for_run("postgres://p@%2Fs:5432/d", "redis+socket:///s/v", 8010, state)


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    assert environment.kept_secrets(tmp_path) == environment.kept_secrets(tmp_path)


def test_the_encryption_key_is_one_that_fernet_takes(tmp_path: Path) -> None:
    Fernet(environment.kept_secrets(tmp_path)["FIELD_ENCRYPTION_KEYS"].encode())


def test_files_with_secrets_are_for_the_owner_only(tmp_path: Path) -> None:
    environment.kept_secrets(tmp_path)
    assert stat.S_IMODE((tmp_path / environment.SECRETS).stat().st_mode) == 0o600


def test_a_script_reads_back_what_run_wrote(tmp_path: Path) -> None:
    values = run_values(tmp_path)
    environment.write_lines(tmp_path / "env", values)
    assert environment.read_lines(tmp_path / "env") == values


def test_the_admins_password_is_not_in_the_shared_environment(tmp_path: Path) -> None:
    assert "ADMIN_PASSWORD" not in run_values(tmp_path)


def test_what_the_developer_set_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "mine")
    monkeypatch.setenv("SCHEDULER_PUBLIC_URL", "https://tunnel.example.com")
    values = run_values(tmp_path)
    assert values["SECRET_KEY"] == "mine"
    assert values["SCHEDULER_PUBLIC_URL"] == "https://tunnel.example.com"


def test_own_servers_are_not_called_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_values(tmp_path)["SCHEDULER_EMBEDDED"] == "1"
    monkeypatch.setenv("DATABASE_URL", "postgres://db/calls")
    monkeypatch.setenv("REDIS_URL", "redis://broker")
    assert run_values(tmp_path)["SCHEDULER_EMBEDDED"] == "0"


def test_the_developers_settings_do_not_leak_into_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULER_CALL_PROVIDER", "twilio")
    assert "SCHEDULER_CALL_PROVIDER" not in environment.for_tests("postgres://d", "redis://r")
