"""The processes around a kill test: the nursery, and a SendGrid that outlives the sender."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

REPOSITORY = Path(__file__).resolve().parents[2]
#: Seconds after which a condition is taken for one that never comes.
PATIENCE = 180.0

#: Never set: a pause between two looks.
_BETWEEN = threading.Event()


def until(condition: Callable[[], Any], *, of: str = "it") -> Any:
    """Waits for the condition to hold; what it gave."""
    deadline = time.monotonic() + PATIENCE
    while not (held := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE:.0f} seconds for {of}")
        _BETWEEN.wait(0.002)
    return held


class Nursery:
    """`tests.kill.nursery` at the other end of two pipes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, args: Sequence[str], out: Path, die: dict[str, float] | None = None) -> int:
        return int(self._asked({"args": [*args], "out": str(out), "die": die})["pid"])

    def ended(self, args: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            pid = int(self._asked({"args": [*args], "out": str(out), "err": str(err)})["pid"])
            code = self.wait(pid)
            return subprocess.CompletedProcess([*args], code, out.read_text("utf-8"), err.read_text("utf-8"))

    def rehearse(self, args: Sequence[str]) -> int:
        """Lives a command itself, so that its children need not learn how."""
        return int(self._asked({"rehearse": [*args]})["code"])

    def wait(self, pid: int) -> int:
        return int(self._asked({"wait": pid})["code"])

    def kill(self, pid: int, *, how: signal.Signals = signal.SIGKILL) -> int:
        """Ends a process that may have ended already; its exit code."""
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        return self.wait(pid)

    def _asked(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


class SendGridProcess:
    """A loopback SendGrid in a process of its own, and the file in which it records each mail it took."""

    def __init__(self, port: int, record: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._record = record
        self._numbers = count(1)

    def new_domain(self) -> str:
        return f"company{next(self._numbers)}.example"

    def mails(self, domain: str) -> list[dict[str, Any]]:
        """What arrived for the addresses of a domain."""
        lines = self._record.read_bytes().splitlines() if self._record.exists() else []
        wanted = f"@{domain}"
        return [mail for line in lines if wanted.encode() in line and (mail := json.loads(line))["to"].endswith(wanted)]

    def inject(self, fault: str, *, times: int = 1, after: int = 0) -> None:
        body = json.dumps({"fault": fault, "times": times, "after": after}).encode()
        urlopen(Request(f"{self.url}/_loopback/faults", body), timeout=PATIENCE).close()

    def mend(self) -> None:
        urlopen(Request(f"{self.url}/_loopback/mend", b""), timeout=PATIENCE).close()


class HooksProcess:
    """A receiver of webhooks in a process of its own, and the file in which it records each message it took."""

    def __init__(self, port: int, record: Path) -> None:
        self.url = f"http://127.0.0.1:{port}/in"
        self._record = record

    def messages(self, domain: str) -> list[dict[str, Any]]:
        """What arrived about the people of a domain."""
        lines = self._record.read_bytes().splitlines() if self._record.exists() else []
        return [json.loads(line) for line in lines if f"@{domain}".encode() in line]


@contextmanager
def running_nursery() -> Iterator[Nursery]:
    with _process("tests.kill.nursery") as process:
        yield Nursery(process)


@contextmanager
def running_sendgrid(folder: Path, *, latency_ms: int = 10) -> Iterator[SendGridProcess]:
    record = folder / "record.jsonl"
    options = ["--port", "0", "--record", str(record), "--latency-ms", str(latency_ms)]
    with _process("tests.loopback.sendgrid", *options) as process:
        assert process.stdout
        yield SendGridProcess(int(process.stdout.readline()), record)


@contextmanager
def running_hooks(folder: Path) -> Iterator[HooksProcess]:
    record = folder / "hooks.jsonl"
    with _process("tests.loopback.hooks", "--port", "0", "--record", str(record)) as process:
        assert process.stdout
        yield HooksProcess(int(process.stdout.readline()), record)


@contextmanager
def _process(module: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, *options]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()
            process.terminate()
