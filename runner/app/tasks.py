"""What playbooks gave people to do, the most urgent first, and that somebody has done it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from runner.app.app import App
from runner.app.clockwork import last_moment
from runner.store.tables import contacts, tasks


def finish_task(app: App, id: int) -> bool:
    """Somebody has done it; False where it was done, or never there."""
    with app.store.write() as connection:
        mine = tasks.update().where(tasks.c.id == id, tasks.c.done_at.is_(None))
        return connection.execute(mine.values(done_at=last_moment(app))).rowcount == 1


def open_tasks(app: App) -> Sequence[dict[str, Any]]:
    with app.store.read() as connection:
        rows = connection.execute(
            sa.select(tasks, contacts.c.email, contacts.c.first_name, contacts.c.last_name)
            .join_from(tasks, contacts, contacts.c.id == tasks.c.contact_id)
            .where(tasks.c.done_at.is_(None))
            .order_by(tasks.c.due_at, tasks.c.id)
        ).mappings()
        return [
            {
                "id": row["id"],
                "subject": row["subject"],
                "body": row["body"],
                "contact": {"id": row["contact_id"], "email": row["email"]},
                "owner": row["owner"],
                "priority": row["priority"],
                "due_at": row["due_at"],
            }
            for row in rows
        ]
