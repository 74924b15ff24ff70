"""Every mistake in settings, playbooks and templates, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError

from runner.app.advice import Ground, advise
from runner.app.app import App
from runner.app.connections import faults_of
from runner.app.pages import page_faults
from runner.app.purpose import SampleLinks, with_purpose
from runner.app.sense import doubts_of_settings, faults_of_settings
from runner.app.soundness import SAMPLE_CURRENCY, SAMPLE_SENDER, with_templates
from runner.app.stuck import faults_inside
from runner.conditions import Fields
from runner.conditions.fields import known_fields
from runner.errors import Fault
from runner.playbook import Reading, read_playbooks
from runner.render import Templates
from runner.settings import Settings, SettingsFile, read_settings
from runner.store import Store
from runner.store.migrate import is_current


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found; sorted by file and line."""

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    readings: tuple[Reading, ...]

    @property
    def counted(self) -> str:
        """`9 of 10 playbooks healthy, 1 disabled`"""
        enabled = [reading for reading in self.readings if reading.enabled]
        healthy = sum(reading.playbook is not None for reading in enabled)
        disabled = len(self.readings) - len(enabled)
        return f"{healthy} of {len(enabled)} playbooks healthy" + (f", {disabled} disabled" if disabled else "")

    def document(self) -> dict[str, Any]:
        return {"faults": [f.document() for f in self.faults], "warnings": [w.document() for w in self.warnings]}


def check(app: App) -> Checked:
    """Reads everything a marketer writes, runs nothing, creates nothing."""
    told, faults = read_settings(app.folder, app.environment)
    if told is None:
        return _checked(app, None, faults, None)
    try:
        with _opened(app, told.settings) as connection:
            return _checked(app, told, faults, connection)
    except SQLAlchemyError as error:
        what = "reached" if is_away(error) else "asked"
        away = told.file.fault(("store",), f"cannot be {what}: {store_words(error)}", _UNKNOWN)
        checked = _checked(app, told, faults, None)
        return replace(checked, warnings=tuple(sorted({*checked.warnings, away})))


_UNKNOWN = "fields of your own are unknown until it is there"


def _checked(app: App, told: SettingsFile | None, faults: Sequence[Fault], connection: sa.Connection | None) -> Checked:
    found, warnings = list(faults), _unread(app.folder)
    fields = known_fields(connection, told.settings.currency if told else SAMPLE_CURRENCY)
    # What was left out of the settings is not missing.
    settings = told.settings if told is not None and not faults else None
    if told is not None:
        more, notes = faults_of(told)
        found += [*more, *faults_of_settings(told, fields)]
        warnings += [*told.warnings, *notes, *doubts_of_settings(told, app.folder)]
    sender = told.settings.sender if told else SAMPLE_SENDER
    found += page_faults(app.folder, sender)
    made = with_templates(read_playbooks(app.folder, fields), app.folder, settings, fields)
    readings = with_purpose(made, app.folder, settings, fields)
    for reading in readings:
        found += reading.faults
        warnings += reading.warnings
    if connection is not None and settings is not None:
        warnings += faults_inside(connection, readings, app.folder, settings, fields)
    if told is not None:
        warnings += advise(_ground(app, told, readings, fields, connection))
    return Checked(tuple(sorted(set(found))), tuple(sorted(set(warnings))), tuple(readings))


def _ground(
    app: App, told: SettingsFile, readings: Sequence[Reading], fields: Fields, connection: sa.Connection | None
) -> Ground:
    running = [reading.playbook for reading in readings if reading.playbook is not None and reading.enabled]
    templates = Templates(app.folder / "templates", SampleLinks(), told.settings.sender, told.settings.language)
    known = connection if connection is not None and is_current(connection) else None
    return Ground(running, told.settings, told.file, templates, fields, app.now(), known)


def _unread(folder: Path) -> list[Fault]:
    """Playbooks in folders of their own: only `playbooks/` itself is read."""
    paths = [
        path.relative_to(folder) for ending in ("yaml", "yml") for path in folder.glob(f"playbooks/*/**/*.{ending}")
    ]
    advice = "only the files in playbooks/ itself are"
    return [Fault(path.as_posix(), 1, 1, "", "is not read: it lies in a folder", advice) for path in sorted(paths)]


def is_away(error: SQLAlchemyError) -> bool:
    """Whether the store is not there, or is none; anything else is a mistake in what it was asked."""
    return type(error) in (OperationalError, DatabaseError)


def store_words(error: SQLAlchemyError) -> str:
    """What the database's driver says, in one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def fields_of_store(app: App, settings: Settings) -> Fields:
    """The fields of the store where there is one; none is made."""
    with _opened(app, settings) as connection:
        return known_fields(connection, settings.currency)


@contextmanager
def _opened(app: App, settings: Settings) -> Iterator[sa.Connection | None]:
    """A look at the store; None where there is none yet."""
    store = Store(settings.store, workspace=app.folder)
    try:
        if store.is_sqlite and not Path(store.url.database or "").exists():
            yield None
            return
        with store.read() as connection:
            yield connection if sa.inspect(connection).has_table("custom_fields") else None
    finally:
        store.close()
