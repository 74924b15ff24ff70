"""Letters become files in a folder, with a page that lists them: mail for trying out, where nobody gets any."""

from __future__ import annotations

import html
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal

import orjson
import structlog

from connectors.base import ConnectorSettings, Letter, Mailer, Mailing, Outcome, Verdict
from connectors.errors import Temporary
from connectors.mail.message import check, fill, is_address, message_id, mime, one_line, plain, utc_now, well_formed

log = structlog.get_logger(__name__)

#: Letters on the page; all of them are in the folder.
SHOWN = 200
#: Letters written side by side.
WRITERS = 4
#: One line a letter, from which the page is made.
LEDGER = "index.jsonl"
#: The ending of a file that is being written; a minute later its writer was killed.
DRAFT = ".part"


class OutboxSettings(ConnectorSettings):
    """`path`: the folder, from the workspace."""

    type: Literal["outbox"] = "outbox"
    path: Path = Path("outbox")


class Outbox(Mailer):
    """Each letter is `<send id>.eml` and `<send id>.html`; `index.html` lists the newest.

    A letter written twice is the same two files. They appear whole or not at all, the .eml last: where it is, the
    letter was delivered.
    """

    type = "outbox"
    settings_model = OutboxSettings
    batch_size = 1000
    idempotent = True
    real = False

    def __init__(self, settings: OutboxSettings, *, workspace: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self.folder = workspace / settings.path
        self._clock = clock
        self._index = _Index(self.folder)
        self._lock = threading.Lock()
        #: Opening a file waits for the disk; several wait together.
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="outbox")

    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        check(mailing, system="outbox")
        at = self._clock()
        letters = [letter for letter in mailing.letters if is_address(letter.to.email)]
        with self._lock:
            self._note(mailing, letters, at)
            accepted = list(self._writers.map(lambda letter: self._write(mailing, letter, at), letters))
            self._list()
        return [
            *accepted,
            *(
                Outcome(letter.send_id, Verdict.REFUSED, reason=f"{letter.to.email!r} is not a mail address")
                for letter in mailing.letters
                if not is_address(letter.to.email)
            ),
        ]

    def close(self) -> None:
        self._writers.shutdown()

    def _note(self, mailing: Mailing, letters: Sequence[Letter], at: datetime) -> None:
        """Lists the letters before they are written: a file that nobody lists would look like a letter not sent."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._index.add([_entry(mailing, letter, at) for letter in letters])
        except OSError as error:
            raise Temporary(
                f"cannot write to {self.folder}: {error.strerror}; free space or choose another `path:`",
                system="outbox",
                request="send",
            ) from error

    def _write(self, mailing: Mailing, letter: Letter, at: datetime) -> Outcome:
        try:
            _write_whole(self._file(letter, "html"), _page_of(mailing, letter))
            _write_whole(self._file(letter, "eml"), mime(mailing, letter, at=at))
        except OSError as error:
            return Outcome(letter.send_id, Verdict.RETURNED, reason=f"{self.folder}: {error.strerror}")
        return Outcome(letter.send_id, Verdict.ACCEPTED, message_id=message_id(mailing, letter))

    def _list(self) -> None:
        """The letters are delivered by now, whatever becomes of the page; the next mailing writes it again."""
        try:
            self._index.write_page()
        except OSError as error:
            log.warning("the outbox page could not be written", action="outbox", reason=error.strerror)

    def _file(self, letter: Letter, ending: str) -> Path:
        return self.folder / f"{plain(letter.send_id)}.{ending}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A letter as the page lists it."""

    send_id: str
    at: str
    name: str
    email: str
    subject: str
    category: str


def _entry(mailing: Mailing, letter: Letter, at: datetime) -> _Entry:
    return _Entry(
        send_id=letter.send_id,
        at=at.astimezone(UTC).isoformat(timespec="seconds"),
        name=one_line(letter.to.name or ""),
        email=one_line(letter.to.email),
        subject=one_line(fill(mailing.subject, letter.substitutions)),
        category=", ".join(mailing.categories),
    )


def _page_of(mailing: Mailing, letter: Letter) -> bytes:
    page = fill(mailing.html, letter.substitutions)
    if not page:
        text = html.escape(fill(mailing.text, letter.substitutions))
        page = f"<!doctype html><meta charset=utf-8><pre>{text}</pre>"
    return well_formed(page).encode()


def _write_whole(path: Path, content: bytes) -> None:
    """The file appears with all of its content or not at all, also when two write it at once."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}{DRAFT}")
    draft.write_bytes(content)
    draft.replace(path)


class _Index:
    """The ledger and the page made from it; costs the same for the first letter and the hundred-thousandth.

    The newest rows are kept as HTML, and the ledger is read only when somebody else has written to it.
    """

    def __init__(self, folder: Path) -> None:
        self._ledger = folder / LEDGER
        self._page = folder / "index.html"
        self._rows: deque[str] = deque(maxlen=SHOWN)
        self._known: set[str] = set()
        self._size = 0
        self._cut_short = False

    def add(self, entries: Sequence[_Entry]) -> None:
        self._catch_up()
        entries = [entry for entry in entries if entry.send_id not in self._known]
        if not entries:
            return
        lines = b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries)
        if self._cut_short:
            lines = b"\n" + lines
            self._cut_short = False
        with self._ledger.open("ab", buffering=0) as ledger:
            ledger.write(lines)
        self._size += len(lines)
        self._take(entries)

    def write_page(self) -> None:
        count = len(self._known)
        hidden = count - len(self._rows)
        more = f'<p class="more">and {hidden:,} older ones in this folder</p>' if hidden else ""
        rows = "\n".join(reversed(self._rows)) or "<p>No letter yet.</p>"
        page = _PAGE.format(count=f"{count:,}", letters="letter" if count == 1 else "letters")
        _write_whole(self._page, page.replace("<!--rows-->", f"{rows}\n{more}").encode())

    def _catch_up(self) -> None:
        size = self._ledger.stat().st_size if self._ledger.exists() else 0
        if size == self._size:
            return
        self._rows.clear()
        self._known.clear()
        self._size = size
        _sweep(self._ledger.parent)
        if size == 0:
            return
        entries = _read(self._ledger)
        self._cut_short = not _ends_a_line(self._ledger)
        while some := list(islice(entries, SHOWN)):
            self._take(some)

    def _take(self, entries: Sequence[_Entry]) -> None:
        self._known.update(entry.send_id for entry in entries)
        self._rows.extend(_row(entry) for entry in entries[-SHOWN:])


def _read(ledger: Path) -> Iterator[_Entry]:
    """The entries, each send once; a line that a crash cut short is passed over."""
    seen: set[str] = set()
    with ledger.open("rb") as lines:
        for line in lines:
            try:
                entry = _Entry(**orjson.loads(line))
            except (ValueError, TypeError):
                continue
            if entry.send_id not in seen:
                seen.add(entry.send_id)
                yield entry


def _sweep(folder: Path) -> None:
    """Removes what killed writers left unfinished."""
    for draft in folder.glob(f".*{DRAFT}"):
        with suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > 60:
                draft.unlink()


def _ends_a_line(ledger: Path) -> bool:
    with ledger.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _row(entry: _Entry) -> str:
    name = plain(entry.send_id)
    at = datetime.fromisoformat(entry.at)
    category = f'<span class="category">{html.escape(entry.category)}</span>' if entry.category else ""
    return (
        f'<article><a href="{name}.html"><b>{html.escape(entry.subject) or "(no subject)"}</b>'
        f"<span><bdi>{html.escape(entry.name)}</bdi> <bdi>{html.escape(entry.email)}</bdi></span></a>"
        f'<footer><time datetime="{entry.at}">{at:%d %b %Y, %H:%M} UTC</time>{category}'
        f'<a href="{name}.eml">.eml</a></footer></article>'
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Outbox</title>
<style>
:root {{ color-scheme: light dark;
  --ink: #1d2733; --soft: #66727f; --line: #e3e7ec; --card: #fff; --page: #f4f6f8; --mark: #206bc4 }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e6eaef; --soft: #98a4b1; --line: #2c3641; --card: #1a222b; --page: #11171d; --mark: #6ea8fe }}
}}
* {{ box-sizing: border-box }}
body {{ margin: 0 auto; max-width: 46rem; padding: 2rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }}
h1 {{ margin: 0; font-size: 1.6rem }}
header p, .more {{ margin: .25rem 0 1.5rem; color: var(--soft) }}
article {{ margin-bottom: .6rem; padding: .8rem 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem }}
article > a {{ display: block; color: inherit; text-decoration: none; overflow-wrap: anywhere }}
article > a:hover b {{ color: var(--mark); text-decoration: underline }}
b, article > a span {{ display: block }}
b {{ unicode-bidi: plaintext }}
article > a span, footer {{ color: var(--soft); font-size: .875rem }}
footer {{ display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; margin-top: .4rem }}
footer a {{ margin-left: auto; color: var(--mark) }}
.category {{ padding: 0 .5rem; border: 1px solid var(--line); border-radius: 1rem }}
</style>
</head>
<body>
<header>
<h1>Outbox</h1>
<p>{count} {letters}, newest first. Nobody received them: this is where mail goes until a mail provider is set up.</p>
</header>
<main>
<!--rows-->
</main>
</body>
</html>
"""
