"""Bodies that come at the same time are kept in one commit, and each is answered once it is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from runner.collect import Body, receive_all
from runner.store import Store

#: Bodies of one commit at the most: SendGrid's are up to 768 KB each.
TOGETHER = 200


class Postbox:
    """While one commit is under way, whoever comes waits for the next; nobody waits for company."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Body, asyncio.Future[None]]] = []
        self._emptying: asyncio.Task[None] | None = None

    async def keep(self, body: Body) -> None:
        """Returns once the body is on disk. Raises what kept it from getting there."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, kept))
        if self._emptying is None or self._emptying.done():
            self._emptying = asyncio.create_task(self._empty())
        await kept

    async def _empty(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            try:
                await run_in_threadpool(receive_all, self._store, [body for body, _ in together])
            except Exception as error:
                _tell([kept for _, kept in together], error)
            else:
                _tell([kept for _, kept in together], None)


def _tell(waiting: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    """Whoever has hung up meanwhile is told nothing."""
    for kept in waiting:
        if kept.done():
            continue
        if error is None:
            kept.set_result(None)
        else:
            kept.set_exception(error)
