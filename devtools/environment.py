"""The environment that the servers, Django and plain scripts share, and the secrets kept for it."""

import base64
import os
import secrets
from pathlib import Path

from devtools.places import private_dir

HOST = "127.0.0.1"
SECRETS = "secrets"
ENV = "env"


def read_lines(path: Path) -> dict[str, str]:
    """A file of NAME=VALUE lines; empty when there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    private_dir(path.parent)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def write_lines(path: Path, values: dict[str, str]) -> None:
    """Writes NAME=VALUE lines, readable by the owner only; a shell can source them."""
    write_private(path, "".join(f"{name}={value}\n" for name, value in values.items()))


def new_secrets() -> dict[str, str]:
    """Fresh secrets; the encryption key is Fernet's kind: 32 random bytes in URL-safe base64."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode("ascii"),
        "ADMIN_PASSWORD": secrets.token_urlsafe(12),
    }


def kept_secrets(state: Path) -> dict[str, str]:
    """The secrets of this clone, made once: what was encrypted with them must stay readable."""
    path = state / SECRETS
    kept = new_secrets() | read_lines(path)
    if kept != read_lines(path):
        write_lines(path, kept)
    return kept


def given(name: str) -> str | None:
    """What the developer set, if anything."""
    return os.environ.get(name) or None


def for_run(database: str, broker: str, port: int, state: Path) -> dict[str, str]:
    """What `.state/env` holds: the two addresses, this service's own, and the secrets."""
    url = f"http://{HOST}:{port}"
    kept = kept_secrets(state)
    values = {
        "SCHEDULER_PUBLIC_URL": url,
        "SCHEDULER_OWNER": "default",
        "ALLOWED_HOSTS": f"localhost,{HOST}",
        "CSRF_TRUSTED_ORIGINS": f"{url},http://localhost:{port}",
        "SECRET_KEY": kept["SECRET_KEY"],
        "FIELD_ENCRYPTION_KEYS": kept["FIELD_ENCRYPTION_KEYS"],
    }
    values = {name: given(name) or value for name, value in values.items()}
    embedded = not (given("DATABASE_URL") and given("REDIS_URL"))
    servers = {"DATABASE_URL": database, "REDIS_URL": broker}
    return servers | {"SCHEDULER_EMBEDDED": "1" if embedded else "0"} | values


def for_tests(database: str, broker: str) -> dict[str, str]:
    """Two addresses and fresh secrets; the developer's own SCHEDULER_ settings do not leak in."""
    fresh = new_secrets()
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SCHEDULER_") and name not in {"DEBUG", "ALLOWED_HOSTS", "LOG_LEVEL"}
    }
    return inherited | {
        "DATABASE_URL": database,
        "REDIS_URL": broker,
        "SECRET_KEY": fresh["SECRET_KEY"],
        "FIELD_ENCRYPTION_KEYS": fresh["FIELD_ENCRYPTION_KEYS"],
        "SCHEDULER_EMBEDDED": "1",
        "DJANGO_SETTINGS_MODULE": "scheduler_project.settings",
    }


def for_processes(values: dict[str, str]) -> dict[str, str]:
    """The whole environment of a child: the developer's, ours over it."""
    own = {"DJANGO_SETTINGS_MODULE": "scheduler_project.settings", "PYTHONUNBUFFERED": "1"}
    quiet = {"PYTHONWARNINGS": "ignore::UserWarning,ignore::RuntimeWarning"}
    return {**quiet, **os.environ, **own, **values}
