"""What `sync` and `run` tell of whole files, and the times they stamp."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runner.cli.main import main

PEOPLE = b"contact_id,email,created_at\nc1,ada@x.example,2020-01-01\n"
SETTINGS = """\
public_url: https://hello.acme.example
secret: a secret of some length
sender: {name: Acme, email: hello@acme.example, address: "1 Main St"}
connectors: {crm: {type: csv, path: data}}
mail: {type: outbox}
"""


class Shell:
    """A workspace and what its commands end with."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._patch = patch
        self._capsys = capsys

    def write(self, name: str, content: bytes) -> None:
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "data" / name).write_bytes(content)

    def call(self, *words: str) -> tuple[int, str, str]:
        self._patch.setattr(sys, "argv", ["regulars", "-C", str(self.folder), *words])
        with pytest.raises(SystemExit) as ended:
            main()
        told = self._capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    def json(self, *words: str) -> Any:
        return json.loads(self.call(*words, "--json")[1])

    def stamps(self) -> set[str]:
        engine = sa.create_engine(f"sqlite:///{next(self.folder.glob('**/*.db'))}")
        with engine.connect() as connection:
            found = {str(at) for at in connection.scalars(sa.text("SELECT synced_at FROM cursors"))}
        engine.dispose()
        return found


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / "regulars.yaml").write_text(SETTINGS, encoding="utf-8")
    shell = Shell(tmp_path, monkeypatch, capsys)
    shell.write("contacts.csv", PEOPLE)
    return shell


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty; the first row must name the columns"),
        (b"\x00\x01\x02", "there are NUL bytes"),
        (b"order_id,contact_id,ordered_at\n", "column 'total' is missing, so the file is not read"),
    ],
)
@pytest.mark.parametrize("command", [("sync",), ("run", "--at", "2026-05-04T09:00")])
def test_a_file_that_cannot_be_read_needs_a_person(
    shell: Shell, content: bytes, reason: str, command: tuple[str, ...]
) -> None:
    shell.write("orders.csv", content)
    for _ in range(2):  # It is told until it is mended.
        code, _out, err = shell.call(*command)
        assert (code, "crm: orders.csv:1: " in err, reason in err) == (4, True, True)
    shell.write("orders.csv", b"order_id,contact_id,ordered_at,total\n")
    assert shell.call(*command)[0] == 0


def test_a_file_that_cannot_be_read_stands_in_the_json(shell: Shell) -> None:
    shell.write("orders.csv", b"")
    told = shell.json("sync")
    assert sorted(told) == ["calls", "failures", "tables", "waiting", "warnings"]
    assert told["warnings"] == ["crm: orders.csv:1: is empty; the first row must name the columns"]


def test_an_unknown_file_or_column_is_a_mere_warning(shell: Shell) -> None:
    shell.write("colours.csv", b"x\n")
    shell.write("orders.csv", b"order_id,contact_id,ordered_at,total,colour\n")
    code, out, err = shell.call("sync", "--json")
    assert (code, err) == (0, "")
    assert [words.partition(":")[0] for words in json.loads(out)["warnings"]] == ["crm", "crm"]


def test_run_names_the_connector_that_was_heard(shell: Shell) -> None:
    (synced,) = shell.json("run", "--at", "2026-05-04T09:00")["synced"]
    assert (synced["connector"], synced["tables"]["contacts"]["new"]) == ("crm", 1)


def test_a_sync_between_simulated_ticks_is_of_their_time(shell: Shell) -> None:
    shell.call("run", "--at", "2026-05-04T09:00+00:00")
    shell.call("sync", "--full")
    (at,) = shell.stamps()
    assert at.startswith("2026-05-04 09:00:00")
