"""A body is kept once a key, however many tell it at once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from runner.collect import Told, tell
from runner.collect.telling import REMEMBERED
from runner.store import Store
from runner.store.tables import inbox

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_of_many_who_tell_the_same_at_once_one_is_kept(database: str) -> None:
    with Store(database) as store:
        with ThreadPoolExecutor(8) as pool:
            answers = Counter(pool.map(lambda _: tell(store, "shop", b"{}", NOW, key="k"), range(16)))
        assert answers == {Told.KEPT: 1, Told.REPEATED: 15}
        assert tell(store, "shop", b"[]", NOW, key="k") is Told.OTHERWISE
        assert tell(store, "other", b"[]", NOW, key="k") is Told.KEPT
        assert tell(store, "shop", b"[]", NOW + REMEMBERED + timedelta(seconds=1), key="k") is Told.KEPT
        with store.inbox.begin() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(inbox)) == 3
