"""Every mistake in settings, playbooks and templates, all at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from runner import kpis
from runner.app.app import App
from runner.app.connections import faults_of, faults_of_keys
from runner.app.soundness import with_templates
from runner.app.stuck import faults_inside
from runner.conditions import Fields
from runner.conditions.fields import known_fields
from runner.errors import Fault, Faults
from runner.playbook import Reading, read_playbooks
from runner.settings import FILE, Settings
from runner.store import Store
from runner.yaml_file import YamlFile, read_yaml


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found; sorted by file and line."""

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    readings: tuple[Reading, ...]

    def document(self) -> dict[str, Any]:
        return {"faults": [f.document() for f in self.faults], "warnings": [w.document() for w in self.warnings]}


def check(app: App) -> Checked:
    """Reads everything a marketer writes, runs nothing, creates nothing."""
    faults: list[Fault] = []
    warnings: list[Fault] = []
    settings: Settings | None = None
    try:
        settings = app.settings
        warnings += app.told.warnings
        more, notes = faults_of(app.told)
        faults += more
        warnings += notes
        faults += [
            app.told.file.fault(("kpis", *path), words, advice) for path, words, advice in kpis.mistakes(settings.kpis)
        ]
    except Faults as found:
        faults += [*found.faults, *_of_connectors(app.folder)]
    fields = fields_of_store(app, settings)
    readings = with_templates(read_playbooks(app.folder, fields), app.folder, settings, fields)
    for reading in readings:
        faults += reading.faults
        warnings += reading.warnings
    with _store(app, settings) as connection:
        if connection is not None:
            warnings += faults_inside(connection, readings, app.folder, settings, fields)
    return Checked(tuple(sorted(set(faults))), tuple(sorted(set(warnings))), tuple(readings))


def _of_connectors(folder: Path) -> list[Fault]:
    """What is wrong with the connectors, told together with what is wrong with the rest of the settings."""
    file = read_yaml(folder / FILE, FILE)
    return faults_of_keys(file, file.document) if isinstance(file, YamlFile) and isinstance(file.document, dict) else []


def fields_of_store(app: App, settings: Settings | None) -> Fields:
    """The fields of the store where there is one; none is made."""
    with _store(app, settings) as connection:
        if settings is None or connection is None:
            return known_fields(None)
        return known_fields(connection, settings.currency)


@contextmanager
def _store(app: App, settings: Settings | None) -> Iterator[sa.Connection | None]:
    """A look at the store where there is one with tables in it."""
    if settings is None:
        yield None
        return
    store = Store(settings.store, workspace=app.folder)
    try:
        if store.is_sqlite and not Path(store.url.database or "").exists():
            yield None
            return
        with store.read() as connection:
            yield connection if sa.inspect(connection).has_table("custom_fields") else None
    finally:
        store.close()
