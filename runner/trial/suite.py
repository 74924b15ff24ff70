"""Which playbooks are tested, and with which fields: a test may name one of the user's own before any sync has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dotenv import dotenv_values
from sqlalchemy.exc import OperationalError

from connectors.records import Company, Contact, Record, columns
from runner.app import App
from runner.app.check import fields_of_store
from runner.app.soundness import with_templates
from runner.cases.rows import looks_like
from runner.conditions import Fields
from runner.conditions.fields import known_fields, own_field
from runner.errors import Fault, WrongUsage
from runner.playbook import Playbook, Reading, assemble, read_playbooks
from runner.settings import FILE
from runner.store.tables import companies, contacts
from runner.trial.run import Tried, run
from runner.trial.world import World
from runner.yaml_file import closest


@dataclass(frozen=True, slots=True)
class Suite:
    """The playbooks to test, and the faults of those that cannot be."""

    playbooks: tuple[Playbook, ...]
    faults: tuple[Fault, ...]
    fields: Fields


#: Stands for every secret, also one that must be a key to sign with.
MADE_UP = "whsec_bWFkZSB1cCBmb3IgYSB0ZXN0IG9mIHBsYXlib29rcw=="


@contextmanager
def without_secrets(folder: Path) -> Iterator[App]:
    """The workspace, where what the environment does not tell is made up: tests neither call nor write to anybody."""
    path = folder / FILE
    named = re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
    told = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    with App(folder, environment={**dict.fromkeys(named, MADE_UP), **told, **os.environ}) as app:
        yield app


def suite_of(app: App, wanted: Sequence[str] = ()) -> Suite:
    """These playbooks, by id or file; all where none is named. Raises Faults of the settings, and WrongUsage."""
    known = _known(app)
    readings = read_playbooks(app.folder, known)
    fields = _learned(readings, known)
    if fields != known:
        readings = [_again(reading, fields) for reading in readings]
    chosen = _chosen(with_templates(readings, app.folder, app.settings, fields), wanted)
    faults = [fault for reading in chosen for fault in _faults(reading)]
    playbooks = tuple(alone(reading.playbook) for reading in chosen if reading.playbook is not None)
    return Suite(playbooks, tuple(sorted(faults)), fields)


def try_all(app: App, suite: Suite) -> Iterator[Tried]:
    """Playbook by playbook, what became of its tests."""
    with World(app, suite.fields) as world:
        for playbook in suite.playbooks:
            yield Tried(playbook, tuple(run(world, playbook, case) for case in playbook.keys.tests))


def alone(playbook: Playbook) -> Playbook:
    """The playbook as a test has it: switched on, and nobody is held out by chance or braked."""
    nobody = playbook.keys.holdout.model_copy(update={"share": 0.0})
    return replace(playbook, keys=playbook.keys.model_copy(update={"enabled": True, "holdout": nobody, "brake": None}))


def _known(app: App) -> Fields:
    """The fields that the store knows; tests do without one, and without a database that cannot be reached."""
    try:
        return fields_of_store(app, app.settings)
    except OperationalError:
        return known_fields(None)


def _learned(readings: Sequence[Reading], known: Fields) -> Fields:
    """The fields, with those of the user's own that only a test names so far; a slip of the pen is none."""
    found = dict(known.by_name)
    for word, row in (named for reading in readings for named in _named(reading)):
        table, record = _OF[word]
        theirs = [name.partition(".")[2] for name in known.names if name.startswith(f"{word}.")]
        there = [*theirs, *(column.name for column in columns(record))]
        for name, value in row.items():
            if value is not None and name not in there and str(name).isidentifier() and not closest(name, there):
                found.setdefault(f"{word}.{name}", own_field(f"{word}.{name}", looks_like(value), table))
    return replace(known, by_name=found)


#: Whose fields a word stands for, and how a connector tells of them.
_OF: Mapping[str, tuple[sa.Table, type[Record]]] = {"contact": (contacts, Contact), "company": (companies, Company)}


def _named(reading: Reading) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each person and company that a playbook's tests tell of."""
    document = reading.draft.file.document if reading.draft else {}
    for case in document.get("tests") or () if isinstance(document, Mapping) else ():
        given = case.get("given") if isinstance(case, Mapping) else None
        if isinstance(given, Mapping):
            rows = [(word, given.get(key)) for key, word in _PEOPLE.items()]
            yield from ((word, row) for word, row in rows if isinstance(row, Mapping))


#: The keys of `given:` that tell of somebody, each with what its fields belong to.
_PEOPLE = {"contact": "contact", "before": "contact", "company": "company"}


def _again(reading: Reading, fields: Fields) -> Reading:
    """The playbook as it reads with every field known; what was wrong with its file or id stays."""
    if reading.draft is None:
        return reading
    again = assemble(reading.draft.file, Path(reading.file).stem, fields)
    taken = [fault for fault in reading.faults if fault.where == "id"]
    return replace(again, playbook=None, faults=(*again.faults, *taken)) if taken else again


def _chosen(readings: Sequence[Reading], wanted: Sequence[str]) -> list[Reading]:
    ids = [Path(name).stem if name.endswith((".yaml", ".yml")) else name for name in wanted]
    for id in ids:
        if id not in {reading.id for reading in readings}:
            near = closest(id, [reading.id for reading in readings])
            raise WrongUsage(f"there is no playbook {id!r}; {near}".rstrip("; "))
    return [reading for reading in readings if not ids or reading.id in ids]


def _faults(reading: Reading) -> Sequence[Fault]:
    """What keeps a playbook from being tested; of one that is switched off too, if it has tests."""
    if reading.playbook is not None:
        return ()
    return reading.faults or (reading.warnings if any(_named(reading)) else ())
