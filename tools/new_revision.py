"""Writes the Alembic revision from the newest one to the tables as they stand: `new_revision.py NUMBER WORDS`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from runner.store import types
from runner.store.engine import Store
from runner.store.migrate import alembic_config


def render_type(kind: str, element: object, context: object) -> str | bool:
    """Our own column types by their names; everything else as Alembic writes it."""
    if kind != "type":
        return False
    match element:
        case types.Instant():
            return "types.Instant()"
        case types.Exact(places=places):
            return f"types.Exact({places})"
        case sa.BigInteger(_variant_mapping=variants) if variants:
            return "types.Id"
        case sa.JSON():
            return "types.Json"
    return False


def main(number: str, words: str) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(f"sqlite:///{folder}/empty.db") as store,
        store.writer.connect() as connection,
    ):
        config = alembic_config(connection)
        command.upgrade(config, "head")
        config.attributes["render_item"] = render_type
        script = command.revision(config, words, autogenerate=True, rev_id=number)
    print(f"wrote {Path(script.path).name}; set HEAD in runner/store/migrate.py")


if __name__ == "__main__":
    main(sys.argv[1], " ".join(sys.argv[2:]))
