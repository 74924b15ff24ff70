"""A real shop's orders of spring 2011: who was written to is counted by hand from the files, without the store.

The data: D. Chen, "Online Retail", UCI Machine Learning Repository, 2015, doi 10.24432/C5BW33, CC BY 4.0.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from runner import log
from runner.app import App
from runner.app.tick import tick
from tools.real_shop import HOUR, live, make_workspace

LONDON = ZoneInfo("Europe/London")
FIRST, LAST = date(2011, 3, 14), date(2011, 4, 6)
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    day: date


@dataclass(frozen=True)
class Shop:
    """The shop after 24 daily ticks; on 27 March the clocks went forward."""

    folder: Path
    mails: Sequence[Mail]
    #: Source id → playbook → the statuses and reasons in the log.
    told: Mapping[str, Mapping[str, Sequence[str]]]

    def got(self, subject: str) -> set[str]:
        return {mail.to for mail in self.mails if mail.subject == subject}


@pytest.fixture(scope="module")
def shop(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    orders = shared_folder / "data" / "online_retail"
    if not orders.is_dir():
        pytest.skip("the orders of the real shop are not there")
    folder = tmp_path_factory.mktemp("real") / "shop"
    make_workspace(folder, orders)
    with App(folder) as app:
        for ticked in live(app, FIRST, LAST):
            assert not ticked.faults + ticked.failures + ticked.waiting
        told: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        with app.store.read() as connection:
            for row in log.rows(connection):
                told[row.contact.source_id][row.playbook].append(f"{row.status}: {row.reason}")
    return Shop(folder, list(mails_in(folder)), told)


def mails_in(folder: Path) -> Iterator[Mail]:
    for path in (folder / "outbox").glob("*.eml"):
        with path.open("rb") as file:
            head = BytesHeaderParser().parse(file)
        local = parsedate_to_datetime(head["Date"]).astimezone(LONDON)
        yield Mail(head["To"].partition("@")[0].removeprefix("customer"), head["Subject"], local.date())


@dataclass(frozen=True)
class Orders:
    """The files, read with nothing but Python."""

    bought: Mapping[str, Sequence[tuple[datetime, str, Decimal]]]
    repaid: Mapping[str, Sequence[tuple[datetime, Decimal]]]

    def of_age(self, ages: range) -> Iterator[tuple[str, date, list[datetime]]]:
        """On which days a customer had an order so many days old, with all that counted on that day."""
        for customer, own in self.bought.items():
            for day in {at.date() + timedelta(days=age) for at, _, _ in own for age in ages} & set(DAYS):
                if counting := self.counting(customer, day):
                    yield customer, day, counting

    def counting(self, customer: str, day: date) -> list[datetime]:
        """When this customer ordered, as known at that day's tick; a refund takes back what was bought last."""
        now = datetime.combine(day, HOUR)
        left = [[at, total] for at, _, total in self.bought[customer] if at <= now and total > 0]
        for at, amount in self.repaid.get(customer, ()):
            for order in reversed(left):
                if at <= now and order[0] <= at:
                    taken = min(order[1], amount)
                    order[1], amount = order[1] - taken, amount - taken
        return [at for at, total in left if total > 0]


@pytest.fixture(scope="module")
def orders(shared_folder: Path) -> Orders:
    folder = shared_folder / "data" / "online_retail"
    bought, repaid = defaultdict(list), defaultdict(list)
    for row in rows(folder / "orders.csv"):
        at = datetime.fromisoformat(row["ordered_at"])
        bought[row["contact_id"]].append((at, row["order_id"], pence(row["total"])))
    for row in rows(folder / "refunds.csv"):
        repaid[row["contact_id"]].append((datetime.fromisoformat(row["refunded_at"]), pence(row["amount"])))
    return Orders({who: sorted(own) for who, own in bought.items()}, {who: sorted(own) for who, own in repaid.items()})


def pence(written: str) -> Decimal:
    """The files have 415.00000000000006 where 415.00 was paid."""
    return Decimal(written).quantize(Decimal("0.01"))


def rows(path: Path) -> Sequence[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_whoever_has_not_ordered_for_more_than_90_days_is_written_to_and_nobody_else(
    shop: Shop, orders: Orders
) -> None:
    lapsed = {
        customer
        for customer, day, counting in orders.of_age(range(91, 98))
        # max_lateness is 7 days: so long a refund may still show that the last order was an earlier one.
        if (day - counting[-1].date()).days in range(91, 98) and counting[-1].date() + timedelta(days=91) > FIRST
    }
    written = shop.got("It has been a while")
    assert len(written) > 100
    assert written <= lapsed
    assert {why(shop, customer, "win_back") for customer in lapsed - written} == {"holdout"}


def test_the_nudge_reaches_exactly_those_whose_only_order_is_three_weeks_old(shop: Shop, orders: Orders) -> None:
    due = {
        customer
        # catch_up: 3 days; the third one's 9 o'clock is half an hour too long ago.
        for customer, day, counting in orders.of_age(range(21, 24))
        if len(counting) == 1 and (day - counting[0].date()).days in range(21, 24)
    }
    written = shop.got("How did your first order sell?")
    assert len(written) > 200
    assert written <= due
    assert {why(shop, customer, "second_order") for customer in due - written} <= {"goal", "held"}


def why(shop: Shop, customer: str, playbook: str) -> str:
    """Why somebody got no mail, in a word."""
    words = shop.told[customer][playbook]
    return next((word for word in ("holdout", "goal", "held") if any(word in told for told in words)), str(words))


def test_nobody_is_written_to_twice_for_one_occasion(shop: Shop) -> None:
    assert [mail for mail, times in Counter((m.to, m.subject) for m in shop.mails).items() if times > 1] == []


def test_caps_and_quiet_weekends_hold_for_every_mail(shop: Shop) -> None:
    days = defaultdict(list)
    for mail in shop.mails:
        days[mail.to].append(mail.day)
        assert mail.day.weekday() < 5
    for own in map(sorted, days.values()):
        assert all(later > earlier for earlier, later in pairwise(own))
        assert all((later - earlier).days >= 7 for earlier, later in zip(own, own[2:], strict=False))


def test_the_last_tick_again_sends_nothing(shop: Shop) -> None:
    again = datetime.combine(LAST, time(9, 30), LONDON)
    with App(shop.folder) as app:
        app.now = lambda: again
        assert tick(app, again).delivered.accepted == 0
