"""Answers in somebody's CSV export are told as a product would tell them: by the same models, and read by a sync."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors.feeds.told import MOST, AnswerTold
from runner import clock, collect
from runner.app.app import App
from runner.app.hearing import may_tell
from runner.errors import Fault, WrongUsage
from runner.yaml_file import YamlFile, faults_in

#: Our word for each column → how survey tools call theirs, the likeliest first.
USUAL: Mapping[str, Sequence[str]] = {
    "id": ("response_id", "respondent id", "response id", "id"),
    "email": ("email", "email address", "e-mail", "e-mail address"),
    "contact": ("contact_id",),
    "score": ("score", "rating", "nps"),
    "comment": ("comment", "comments", "feedback"),
    "at": ("responded_at", "end date", "date submitted", "submitted at", "timestamp", "date"),
}
_NEEDED = ("score", "at")


@dataclass(frozen=True, slots=True)
class Export:
    """What was said of a file: our words → its columns, where they are not the usual ones."""

    kind: str
    columns: Mapping[str, str] = field(default_factory=dict)
    #: How its times are written, as `strptime` has it; ISO 8601 unless given.
    times: str | None = None


@dataclass(slots=True)
class Imported:
    """What became of a file."""

    answers: int = 0
    #: Rows without a score: nobody answered.
    unanswered: int = 0
    faults: list[Fault] = field(default_factory=list)


def import_answers(app: App, path: Path, export: Export, *, name: str) -> Imported:
    """Tells every answer in the file under this name; rows at fault are named and left out. Raises WrongUsage."""
    may_tell(app, name)
    rows = list(_rows(path))
    if not rows:
        raise WrongUsage(f"{path} has no rows")
    columns = _columns(path, list(rows[0][1]), export)
    done, answers = Imported(), list[str]()
    for line, row in rows:
        cells = {ours: (row.get(theirs) or "").strip() for ours, theirs in columns.items()}
        if not cells["score"]:
            done.unanswered += 1
            continue
        told = _answer(app, path, line, cells, columns, export)
        if isinstance(told, list):
            done.faults += told
        else:
            answers.append(told)
    for start in range(0, len(answers), MOST):
        body = f'{{"events":[{",".join(answers[start : start + MOST])}]}}'
        collect.tell(app.store, name, body.encode(), app.now())
    done.answers = len(answers)
    return done


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by its columns, with its line; semicolons where the header has more of them than commas."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise WrongUsage(f"there is no file {path}") from None
    except OSError as error:
        raise WrongUsage(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"{path} is not UTF-8 text; save it as such") from None
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.DictReader(StringIO(text, newline=""), delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise WrongUsage(f"{path}:{line}: {error}") from None
        yield max(line, 2), {str(name): value for name, value in row.items() if isinstance(value, str)}


def _columns(path: Path, there: Sequence[str], export: Export) -> dict[str, str]:
    """Our words → the file's columns. Raises WrongUsage for one that is not there."""
    low = {name.strip().lower(): name for name in reversed(there)}
    found: dict[str, str] = {}
    for ours, usual in USUAL.items():
        asked = export.columns.get(ours)
        if asked is not None and asked not in there:
            near = get_close_matches(asked, there, 1)
            advice = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(map(repr, there))}"
            raise WrongUsage(f"{path} has no column {asked!r}; {advice}")
        theirs = asked or next((low[name] for name in usual if name in low), None)
        if theirs is not None:
            found[ours] = theirs
    missing = [ours for ours in _NEEDED if ours not in found]
    missing += [] if {"email", "contact"} & found.keys() else ["email"]
    if missing:
        told = " and ".join(f"--{ours}" for ours in missing)
        raise WrongUsage(f"say which column it is by {told}; {path} has {', '.join(map(repr, there))}")
    return found


def _answer(
    app: App, path: Path, line: int, cells: Mapping[str, str], columns: Mapping[str, str], export: Export
) -> str | list[Fault]:
    """The answer as JSON, or all that is wrong with the row."""
    at = _time(cells["at"], export.times, app.settings.timezone)
    told = {
        "type": "answer",
        "id": cells.get("id") or _made(cells),
        "kind": export.kind,
        "score": _score(cells["score"]),
        "at": (at or app.now()).isoformat(),
        "comment": cells.get("comment") or None,
        "contact": {"id": cells.get("contact") or None, "email": cells.get("email") or None},
    }
    faults = [] if at else [_no_time(path, line, cells["at"], columns["at"])]
    try:
        AnswerTold.model_validate_json(json.dumps(told))
    except ValidationError as error:
        found = faults_in(YamlFile("", told), AnswerTold, told, error)
        faults += [_shown(path, line, columns, fault) for fault in found]
    return faults or json.dumps(told)


def _no_time(path: Path, line: int, written: str, column: str) -> Fault:
    words = f"must be a time such as 2026-11-27T10:00, is {written!r}"
    return Fault(path.name, line, 1, column, words, "say how they are written by --times, as %d.%m.%Y %H:%M")


def _score(text: str) -> int | str:
    """The number that leads, of `10 - Extremely likely`, `9.0` or `-1`; the text where it is no whole one."""
    number = re.match(r"-?\d+(?:[.,]\d+)?", text)
    value = float(number[0].replace(",", ".")) if number else 0.5
    return int(value) if value.is_integer() else text


def _shown(path: Path, line: int, columns: Mapping[str, str], fault: Fault) -> Fault:
    word = {"contact.email": "email", "contact": "email", "contact.id": "contact", "": "score"}.get(fault.where)
    message = fault.message
    if message.startswith("must be small letters"):
        meant = "must be an address" if word == "email" else "is not understood"
        message = f"{meant}: {message.partition(', is ')[2]}"
    return Fault(path.name, line, 1, columns.get(word or fault.where, fault.where), message, fault.advice)


def _time(text: str, written: str | None, zone: str) -> datetime | None:
    """The instant; without an offset it is in the account's zone."""
    try:
        at = datetime.strptime(text, written) if written else datetime.fromisoformat(text)  # noqa: DTZ007
        return at.astimezone(UTC) if at.tzinfo else clock.at_local(at.date(), at.time(), zone)
    except (ValueError, OverflowError):
        return None


def _made(cells: Mapping[str, Any]) -> str:
    """An id for a row without one: the same row read again is the same answer."""
    return hashlib.blake2b(ascii(sorted(cells.items())).encode(), digest_size=12).hexdigest()
