"""Opens and clicks: people's and machines' apart, of what was delivered."""

from __future__ import annotations

import pytest

from runner.kpis import Reason
from tests.kpis.shop import LONG_AGO, Shop, on

MAIL = ["email_open_rate", "email_click_rate", "unsubscribe_rate", "complaint_rate"]


def test_the_worked_open_and_click_rates(shop: Shop) -> None:
    """500 sent, 20 bounced, 120 opened by people (24 clicked), 96 by machines only: 0.25, or 0.45 with machines."""
    shop.foreign_mail(shop.people(20), "bounced")
    shop.foreign_mail(shop.people(24), "human_open", "machine_open", "clicked")
    shop.foreign_mail(shop.people(96), "human_open")
    shop.foreign_mail(shop.people(96), "machine_open")
    shop.foreign_mail(shop.people(264))
    told = shop.figures(keys=MAIL)
    assert (told["email_open_rate"].value, told["email_open_rate"].n) == (0.25, 480)
    assert told["email_open_rate"].value + told["email_open_rate.machine"].value == pytest.approx(0.45)
    assert told["email_click_rate"].value == 0.05
    assert (told["email_click_rate.to_open"].value, told["email_click_rate.to_open"].n) == (0.20, 120)


def test_our_own_mail_counts_by_who_opened_it(shop: Shop) -> None:
    for opened, clicked in [
        ("human", None),
        ("machine", None),
        ("unknown", None),
        ("machine", "machine"),
        (None, None),
    ]:
        shop.mail(shop.person(), opened=opened, clicked=clicked)
    told = shop.figures(keys=MAIL)
    assert {key: told[key].value for key in told if key.startswith("email")} == {
        "email_open_rate": 0.2,
        "email_open_rate.machine": 0.4,
        "email_open_rate.unknown": 0.2,
        "email_click_rate": 0,
        "email_click_rate.to_open": 0,
        "email_click_rate.machine": 0.2,
        "email_click_rate.unknown": 0,
    }


def test_who_clicked_has_read_the_mail_even_when_no_open_was_seen(shop: Shop) -> None:
    shop.mail(shop.person(), opened="machine", clicked="human")
    told = shop.figures(keys=MAIL)
    assert (told["email_open_rate"].value, told["email_open_rate.machine"].value) == (1, 0)


@pytest.mark.parametrize(
    ("opened", "clicked", "counted_as"),
    [
        (None, "machine", "email_open_rate.machine"),
        ("machine", "unknown", "email_open_rate.unknown"),
        (None, "unknown", "email_open_rate.unknown"),
        ("unknown", "machine", "email_open_rate.unknown"),
        ("unknown", "human", "email_open_rate"),
    ],
)
def test_a_mail_counts_once_under_the_best_evidence(
    shop: Shop, opened: str | None, clicked: str, counted_as: str
) -> None:
    shop.mail(shop.person(), opened=opened, clicked=clicked)
    told = shop.figures(keys=MAIL)
    opens = ("email_open_rate", "email_open_rate.machine", "email_open_rate.unknown")
    assert [key for key in opens if told[key].value] == [counted_as]


def test_unsubscribes_and_complaints_are_shares_of_what_was_delivered(shop: Shop) -> None:
    shop.mail(shop.person(), unsubscribed_at=on("2026-01-11"))
    shop.mail(shop.person(), complained_at=on("2026-01-11"))
    shop.foreign_mail(shop.people(2), "unsubscribed")
    told = shop.figures(keys=MAIL)
    assert (told["unsubscribe_rate"].value, told["complaint_rate"].value) == (0.75, 0.25)


@pytest.mark.parametrize(
    "unlike",
    [
        {"state": "unsure"},
        {"state": "refused"},
        {"delivery": "bounced"},
        {"delivery": "dropped"},
        {"action": "notify"},
        {"mailer": "outbox"},
    ],
)
def test_only_mail_delivered_to_customers_counts(shop: Shop, unlike: dict[str, str]) -> None:
    shop.mail(shop.person(), opened="human")
    shop.mail(shop.person(), opened="human", **unlike)
    assert shop.figures(keys=MAIL)["email_open_rate"].n == 1


def test_mail_to_test_records_does_not_count(shop: Shop) -> None:
    shop.mail(shop.person(is_test=True), opened="human")
    shop.foreign_mail(shop.person(is_test=True), "human_open")
    told = shop.figures(keys=MAIL)["email_open_rate"]
    assert (told.value, told.why) == (None, "no mail was delivered in the period")


def test_what_came_back_later_is_not_known_yet(shop: Shop) -> None:
    shop.mail(shop.person(), opened="human", opened_at=on("2026-01-20"), clicked="human", clicked_at=on("2026-01-25"))
    rates = [
        (told["email_open_rate"].value, told["email_click_rate"].value)
        for told in (shop.figures(keys=MAIL, as_of=on(day)) for day in ("2026-01-15", "2026-01-22", "2026-01-26"))
    ]
    assert rates == [(0, 0), (1, 0), (1, 1)]


def test_a_mail_that_a_source_took_back_or_brought_later_does_not_count(shop: Shop) -> None:
    shop.foreign_mail(shop.person(), deleted_at=LONG_AGO)
    shop.foreign_mail(shop.person(), seen_at=on("2026-03-01"))
    assert shop.figures(keys=MAIL, as_of=on("2026-02-10"))["email_open_rate"].n == 0


def test_without_any_mail_there_is_no_rate(shop: Shop) -> None:
    told = shop.figures(keys=MAIL)
    assert {(kpi.value, kpi.reason) for kpi in told.values()} == {(None, Reason.NO_DATA)}
