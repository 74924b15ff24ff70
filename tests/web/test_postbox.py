"""Bodies that come at once share a commit; each is answered when it is on disk, or told why it is not."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from runner.collect import Body
from runner.store import Store
from runner.store.tables import inbox
from runner.web.postbox import Postbox
from tests.web.given import NOON


async def post(store: Store, number: int) -> list[BaseException | None]:
    box = Postbox(store)
    bodies = [Body("sendgrid", f"body {n}".encode(), NOON) for n in range(number)]
    return await asyncio.gather(*map(box.keep, bodies), return_exceptions=True)


def test_fifty_bodies_at_once_are_kept_in_two_commits(store: Store) -> None:
    commits = []
    sa.event.listen(store.inbox, "commit", commits.append)
    assert asyncio.run(post(store, 50)) == [None] * 50
    with store.inbox.begin() as connection:
        assert [bytes(one) for one in connection.scalars(sa.select(inbox.c.body).order_by(inbox.c.id))] == [
            f"body {n}".encode() for n in range(50)
        ]
    assert len(commits) <= 3  # one of them is this test's own look


def test_when_the_disk_fails_nobody_is_told_that_a_body_was_kept(store: Store) -> None:
    with store.inbox.begin() as connection:
        connection.exec_driver_sql("DROP TABLE inbox")
    answers = asyncio.run(post(store, 3))
    assert all(isinstance(answer, sa.exc.OperationalError) for answer in answers)


def test_whoever_hangs_up_does_not_keep_the_others_from_being_answered(store: Store) -> None:
    async def one_hangs_up() -> None:
        box = Postbox(store)
        waiting = [asyncio.create_task(box.keep(Body("x", bytes([n]), NOON))) for n in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await waiting[0]
        await waiting[2]
        with pytest.raises(asyncio.CancelledError):
            await waiting[1]

    asyncio.run(one_hangs_up())
    with store.inbox.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(inbox)) == 3
