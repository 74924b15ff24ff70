"""A real shop's year, from its CSV folder to summaries."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import sqlalchemy as sa

from connectors.crm.csv_folder import CsvFolder, CsvSettings
from runner.store import Store
from runner.store.tables import contacts, purchases
from runner.sync import Counts, advance
from tests.sync.saying import listen, settings

BRITISH = settings(timezone="Europe/London", currency="GBP")


def test_a_real_shop_is_synced_once_and_played_month_by_month(sqlite_url: str, shared_folder: Path) -> None:
    folder = shared_folder / "data" / "online_retail"
    with Store(sqlite_url) as store:
        at = datetime(2011, 1, 1, tzinfo=UTC)
        synced = _sync(store, folder, at)
        assert (synced["contacts"].new, synced["orders"].new, synced["refunds"].new) == (4372, 18532, 3654)
        while at < datetime(2011, 12, 31, tzinfo=UTC):
            at += timedelta(days=30)
            advance(store, None, at, BRITISH)
        with store.read() as connection:
            totals = sa.select(sa.func.count(), sa.func.sum(purchases.c.net)).select_from(purchases)
            net = connection.execute(totals).one()
            revenue = connection.scalar(sa.select(sa.func.sum(contacts.c.revenue)))
    assert tuple(net) == _by_hand(folder)
    assert revenue == net[1]


def _sync(store: Store, folder: Path, at: datetime) -> dict[str, Counts]:
    shop = CsvFolder(CsvSettings(type="csv", path="."), workspace=folder, timezone="Europe/London")
    return listen(store, shop, of="shop", now=at, settings=BRITISH).tables


def _by_hand(folder: Path) -> tuple[int, Decimal]:
    """Orders that are left and what is left of them: each refund lowers the buyer's latest earlier orders."""
    left: dict[str, dict[tuple[str, str], Decimal]] = defaultdict(dict)
    for row in sorted(_rows(folder / "orders.csv"), key=lambda row: (row["ordered_at"], row["order_id"])):
        left[row["contact_id"]][row["ordered_at"], row["order_id"]] = _money(row["total"])
    for row in sorted(_rows(folder / "refunds.csv"), key=lambda row: row["refunded_at"]):
        own, amount = left[row["contact_id"]], _money(row["amount"])
        for at, order_id in reversed(own):
            if at <= row["refunded_at"] and amount > 0:
                taken = min(amount, own[at, order_id])
                own[at, order_id], amount = own[at, order_id] - taken, amount - taken
    nets = [net for own in left.values() for net in own.values() if net > 0]
    return len(nets), sum(nets, Decimal(0))


def _money(text: str) -> Decimal:
    """As exact as the store keeps it: the file's figures come from binary fractions."""
    return Decimal(text).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
