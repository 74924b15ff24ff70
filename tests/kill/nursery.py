"""`regulars` processes that come quickly and die at a chosen instant.

    python -m tests.kill.nursery

imports the product once and forks a process for each line of standard input, {"args": […], "out": FILE, "die": {…}}; it
answers {"pid": …} at once. {"wait": pid} is answered {"code": …} when that process has ended: -9 for a killed one.
{"rehearse": […]} is lived here and not in a child, and answered {"code": …}: whoever is born later knows its SQL.
`die` names what the process counts (`begin`, `commit`, `statement`, `request`) and at which of them it kills itself
with SIGKILL, or after how many `seconds`; `pages` is what SQLite's file may have before the disk is full, `patience`
how many seconds it waits for another writer. A process that lives writes its counts beside FILE, as FILE.counts.
What it writes to standard error goes into FILE too, or into the file that `err` names.
"""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import sys
import threading
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa

_PRODUCT = (
    "alembic.command",
    "psycopg",
    "connectors.crm.csv_folder",
    "connectors.hooks.webhook",
    "connectors.mail.sendgrid",
    "runner.app.connections",
    "runner.app.decisions",
    "runner.app.looking",
    "runner.app.purpose",
    "runner.app.tick",
    "runner.cli.main",
    "runner.cli.reports",
    "runner.daemon",
    "runner.web",
)


def main() -> None:
    _import_everything()
    for line in sys.stdin:
        print(json.dumps(_done(json.loads(line))), flush=True)


def _done(order: dict[str, Any]) -> dict[str, int]:
    if "wait" in order:
        return _ended(order["wait"])
    return {"code": _rehearsed(order["rehearse"])} if "rehearse" in order else {"pid": _born(order)}


def _import_everything() -> None:
    """So that no child has to: importing takes longer than a run."""
    for name in _PRODUCT:
        import_module(name)


def _born(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _live(order)
    return pid


def _ended(pid: int) -> dict[str, int]:
    return {"code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}


def _rehearsed(args: list[str]) -> int:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = _called(args)
    assert threading.active_count() == 1, "who forks must be alone"
    gc.collect()
    gc.freeze()
    return code


def _called(args: list[str]) -> int:
    """The exit code of `regulars` with these words."""
    from runner.cli.main import main

    sys.argv = ["regulars", *args]
    try:
        main()
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


def _live(order: dict[str, Any]) -> None:
    out = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    err = os.open(order["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if order.get("err") else out
    for stream, file in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(file, stream)
    counts = _count(order.get("die"))
    _straiten(order.get("die") or {})
    code = 70
    try:
        code = _called(order["args"])
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        Path(order["out"] + ".counts").write_text(json.dumps(counts), encoding="utf-8")
        os._exit(code)


def _straiten(die: dict[str, Any]) -> None:
    """A disk that is soon full, and another writer who does not let go in time."""
    if "pages" in die:
        full = f"PRAGMA max_page_count = {die['pages']}"
        sa.event.listen(sa.Engine, "connect", lambda connection, _: connection.execute(full))
    if "patience" in die:
        engine = import_module("runner.store.engine")
        engine.BUSY_TIMEOUT = die["patience"]  # type: ignore[attr-defined]


def _count(die: dict[str, Any] | None) -> Counter[str]:
    """Counts what happens, and dies where it was told to."""
    counts: Counter[str] = Counter()

    def happened(what: str) -> None:
        counts[what] += 1
        if die and counts[what] == die.get(what):
            os.kill(os.getpid(), signal.SIGKILL)

    def asked(event: str, _: object) -> None:
        if event == "http.client.send":
            happened("request")

    sa.event.listen(sa.Engine, "begin", lambda *_: happened("begin"))
    # Before it is durable; the instant after it is the next `begin`.
    sa.event.listen(sa.Engine, "commit", lambda *_: happened("commit"))
    sa.event.listen(sa.Engine, "before_cursor_execute", lambda *_: happened("statement"))
    # Each request is sent in two parts, its head and its body.
    sys.addaudithook(asked)
    if die and "seconds" in die:
        timer = threading.Timer(die["seconds"], os.kill, (os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()
    return counts


if __name__ == "__main__":
    main()
