"""The rules that conftest lays down for every test hold."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.conftest import REPOSITORY, ForbiddenConnection


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("api.hubapi.com", 443)])
def test_no_test_reaches_beyond_this_machine(address: tuple[str, int]) -> None:
    with pytest.raises(ForbiddenConnection, match="loopback"):
        socket.create_connection(address)


def test_a_loopback_server_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize("forbidden", ["", "1"])
@pytest.mark.parametrize("skip", ["def test_it(): pytest.skip('why')", "pytest.skip('why', allow_module_level=True)"])
def test_where_skipping_is_forbidden_a_skip_fails(tmp_path: Path, skip: str, forbidden: str) -> None:
    told = _pytest(tmp_path, skip, REGULARS_NO_SKIP=forbidden)
    assert ("REGULARS_NO_SKIP is set, and this was skipped" in told.stdout) == bool(forbidden), told.stdout
    assert "why" in told.stdout
    assert told.returncode in ({1, 2} if forbidden else {0, 5})


def test_real_data_may_be_missing_even_where_skipping_is_forbidden(tmp_path: Path) -> None:
    told = _pytest(tmp_path, "@pytest.mark.needs_shared\ndef test_it(): pytest.skip('why')", REGULARS_NO_SKIP="1")
    assert told.returncode == 0, told.stdout


def _pytest(folder: Path, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    test = folder / "test_skipping.py"
    test.write_text(f"import pytest\n{text}\ndef test_other(): pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return subprocess.run(
        [*command, "-c", str(REPOSITORY / "pyproject.toml"), "--rootdir", str(folder), str(test)],
        cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_postgresql_compares_text_by_unicode_rules(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SELECT lower('KÖLN')").fetchone() == ("köln",)
