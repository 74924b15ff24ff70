"""Lives through docs/first_playbook.md in an empty folder and writes in what each command said.

A fenced block after a line that ends in a file's name in backticks and a colon is that file; a `console` block is a
command after `$ ` and its output.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from runner import clock
from runner.cli import main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "first_playbook.md"
_BLOCK = re.compile(
    r"`(?P<file>[\w./]+)`:\n\n```\w+\n(?P<text>.*?)```|```console\n\$ (?P<command>[^\n]+)\n.*?```", re.DOTALL
)
#: The Sunday on which the page is read.
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def lived(page: str, folder: Path) -> str:
    """The page with the outputs that its commands have in this empty folder."""
    with contextlib.chdir(folder), patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}):
        return _BLOCK.sub(_done, page)


def _done(block: re.Match[str]) -> str:
    if block["command"]:
        return f"```console\n$ {block['command']}\n{said(block['command'])}```"
    path = Path(block["file"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block["text"], encoding="utf-8")
    return block[0]


def said(command: str) -> str:
    """What a command prints, on either stream."""
    heard = io.StringIO()
    with (
        contextlib.redirect_stdout(heard),
        contextlib.redirect_stderr(heard),
        contextlib.suppress(SystemExit),
        patch.object(sys, "argv", shlex.split(command)),
        patch.object(clock, "machine_now", lambda: NOW),
    ):
        main()
    return "".join(line.rstrip() + "\n" for line in heard.getvalue().splitlines())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        PAGE.write_text(lived(PAGE.read_text(encoding="utf-8"), Path(empty)), encoding="utf-8")
