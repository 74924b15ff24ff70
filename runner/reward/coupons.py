"""Coupons out of a pool's file: one a line, each given once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import coupons


class Pool:
    """The coupons of a file; blank lines, those that begin with `#`, and what stands after a comma are passed over."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def codes(self) -> list[str]:
        """Every coupon of the file, each once. Raises OSError, UnicodeDecodeError."""
        lines = (line.partition(",")[0].strip() for line in self.file.read_text(encoding="utf-8-sig").splitlines())
        return list(dict.fromkeys(code for code in lines if code and not code.startswith("#")))

    def left(self, connection: sa.Connection) -> list[str]:
        """Those that nobody has."""
        given = set(connection.scalars(sa.select(coupons.c.code)))
        return [code for code in self.codes() if code not in given]


def draw(
    connection: sa.Connection, store: Store, left: Sequence[str], friend_ids: Sequence[int], now: datetime
) -> dict[int, str]:
    """A coupon for each of these referrals as far as they reach, by referral."""
    pairs = dict(zip(friend_ids, left, strict=False))
    if not pairs:
        return {}
    rows = [{"code": code, "friend_id": friend, "at": now} for friend, code in pairs.items()]
    insert = store.insert(coupons).on_conflict_do_nothing().returning(coupons.c.friend_id, coupons.c.code)
    return {friend: str(code) for friend, code in connection.execute(insert, rows).all()}
