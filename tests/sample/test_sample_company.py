"""The sample company: believable, repeatable, and honest about the effect that is planted in it."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from connectors.base import Actor, MailEventKind
from connectors.crm.csv_folder import CsvFolder, CsvSettings
from runner.sample import EFFECT, EFFECT_DAYS, Day, Received, SampleCompany

UNTIL = date(2026, 11, 22)
WARSAW = ZoneInfo("Europe/Warsaw")


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def letters(day: date, ids: Collection[str], *, playbook: str = "win-back", kind: str = "email") -> list[Received]:
    at = datetime(day.year, day.month, day.day, 9, tzinfo=WARSAW).astimezone(UTC)
    survey = "nps" if kind == "survey" else None
    return [Received(f"{playbook}-{day}-{one}", one, playbook, "only", at, kind, survey) for one in ids]


def company(folder: Path, *, seed: int = 1, contacts: int = 300, lived: int = 61) -> SampleCompany:
    made = SampleCompany(seed, contacts, until=UNTIL, lived=lived)
    made.write_history(folder)
    return made


def live(made: SampleCompany, days: int, first_mails: Sequence[Received] = ()) -> list[Day]:
    return [
        made.live(made.first_day + timedelta(days=after), first_mails if after == 0 else []) for after in range(days)
    ]


def ordered(folder: Path, since: date, until: date) -> set[str]:
    """Who placed an order after `since`, up to and with `until`, by local days."""
    return {row["contact_id"] for row in rows(folder, "orders") if since < local_day(row["ordered_at"]) <= until}


def local_day(time: str) -> date:
    return datetime.fromisoformat(time).astimezone(WARSAW).date()


def test_a_year_of_two_thousand_contacts_takes_seconds(tmp_path: Path) -> None:
    begun = process_time()
    made = company(tmp_path, contacts=2000, lived=90)
    live(made, 90)
    assert process_time() - begun < 8  # About one second on an idle machine of 2020.
    assert len({row["contact_id"] for row in rows(tmp_path, "contacts")}) == 2000


def test_the_csv_connector_reads_it_without_a_word(tmp_path: Path) -> None:
    made = company(tmp_path)
    source = CsvFolder(CsvSettings(path="."), workspace=tmp_path, timezone="Europe/Warsaw")
    cursor = None
    tables: set[str] = set()
    for after in range(30):
        for page in source.pull(cursor, full=False, now=datetime(2026, 1, 1, tzinfo=UTC)):
            assert not page.set_aside
            assert not page.warnings
            cursor = page.cursor
            tables.add(page.table)
        made.live(made.first_day + timedelta(days=after), [])
    wanted = "companies contacts deals orders refunds contracts tickets surveys emails"
    assert tables == set(wanted.split())
    assert source.custom_fields()["contacts"] == {"renewal_date": "date", "plan": "text"}


def test_the_same_seed_gives_the_same_company_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("same", 7), ("other", 8)):
        made = company(tmp_path / name, seed=seed, contacts=80)
        days = live(made, 40, letters(made.first_day, [f"c-{number:05}" for number in range(1, 60)], kind="survey"))
        (tmp_path / name / "days.txt").write_text(repr(days) + repr(made.truth()))
    one, same, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "same", "other")
    )
    assert one == same
    assert all(one[name] != other[name] for name in one if name != "companies.csv")


def test_the_future_does_not_leak_into_the_past(tmp_path: Path) -> None:
    made = company(tmp_path)
    midnight = datetime(made.first_day.year, made.first_day.month, made.first_day.day, tzinfo=WARSAW)
    times = [
        datetime.fromisoformat(cell)
        for table in ("contacts", "orders", "refunds", "deals", "tickets", "surveys", "emails")
        for row in rows(tmp_path, table)
        for name, cell in row.items()
        if name.endswith("_at") and cell
    ]
    assert max(times) < midnight


def test_a_day_brings_its_own_rows_and_answers(tmp_path: Path) -> None:
    made = company(tmp_path, contacts=400)
    ids = [row["contact_id"] for row in rows(tmp_path, "contacts") if row["email"]]
    known = len(rows(tmp_path, "orders"))
    mails = letters(made.first_day, ids, kind="survey")
    for today in (made.first_day + timedelta(days=after) for after in range(6)):
        day = made.live(today, mails if today == made.first_day else [])
        new = rows(tmp_path, "orders")[known:]
        known += len(new)
        came = [*day.mail_events, *day.answers, *day.unsubscribes]
        assert {one.at.astimezone(WARSAW).date() for one in came} <= {today}
        assert {local_day(row["ordered_at"]) for row in new} == {today}


def test_letters_are_opened_by_people_and_machines_answered_and_bounced(tmp_path: Path) -> None:
    made = company(tmp_path, contacts=1500)
    ids = [row["contact_id"] for row in rows(tmp_path, "contacts") if row["email"]]
    days = live(made, 8, letters(made.first_day, ids, kind="survey"))
    events = [event for day in days for event in day.mail_events]
    seen = {(event.kind, event.actor) for event in events}
    for kind in (MailEventKind.OPENED, MailEventKind.CLICKED):
        assert {(kind, Actor.HUMAN), (kind, Actor.MACHINE)} <= seen
    assert {(MailEventKind.DELIVERED, None), (MailEventKind.BOUNCED, None)} <= seen
    answers = [answer for day in days for answer in day.answers]
    assert 0.1 < len(answers) / len(ids) < 0.4
    assert {answer.score for answer in answers} == set(range(11))
    assert any(day.unsubscribes for day in days)
    assert len({event.event_id for event in events}) == len(events)


def test_yesterdays_letters_are_found_in_the_morning(tmp_path: Path) -> None:
    made = company(tmp_path)
    ids = [row["contact_id"] for row in rows(tmp_path, "contacts")]
    day = made.live(made.first_day, letters(made.first_day - timedelta(days=1), ids))
    assert {event.at.astimezone(WARSAW).date() for event in day.mail_events} == {made.first_day}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_writing_to_everybody_raises_orders_by_exactly_the_truth(tmp_path: Path, seed: int) -> None:
    shares = []
    for mailed in (True, False):
        folder = tmp_path / str(mailed)
        made = company(folder, seed=seed, contacts=600)
        ids = {row["contact_id"] for row in rows(folder, "contacts")}
        live(made, 61, letters(made.first_day, ids) if mailed else [])
        who = ordered(folder, made.first_day, made.first_day + timedelta(days=60))
        shares.append(len(who & ids) / len(ids))
        if mailed:
            truth = made.truth().playbooks["win-back"]
    difference = shares[0] - shares[1]
    assert len(truth.people) == len(ids)
    assert difference == pytest.approx(truth.realised_difference)
    assert shares[0] == pytest.approx(mean(person.ordered_if_written for person in truth.people))
    assert truth.difference == pytest.approx(difference, abs=4 * (difference / len(ids)) ** 0.5)
    assert 0.03 < truth.difference < 0.25


def test_a_holdout_estimate_lies_around_the_truth(tmp_path: Path) -> None:
    made = company(tmp_path, contacts=1500)
    ids = sorted(row["contact_id"] for row in rows(tmp_path, "contacts"))
    treated, holdout = set(ids[::2]), set(ids[1::2])
    live(made, 61, letters(made.first_day, treated))
    who = ordered(tmp_path, made.first_day, made.first_day + timedelta(days=60))
    estimate = len(who & treated) / len(treated) - len(who & holdout) / len(holdout)
    error = (0.25 / len(treated) + 0.25 / len(holdout)) ** 0.5
    assert made.truth().all_letters.difference == pytest.approx(estimate, abs=3 * error)


def test_a_playbooks_effect_is_what_its_letters_add_to_the_others(tmp_path: Path) -> None:
    made = company(tmp_path)
    ids = [row["contact_id"] for row in rows(tmp_path, "contacts")]
    both = [*letters(made.first_day, ids), *letters(made.first_day, ids[:50], playbook="birthday")]
    live(made, 3, both)
    truth = made.truth()
    assert truth.playbooks["birthday"].difference == 0
    assert [person.contact_id for person in truth.playbooks["birthday"].people] == sorted(ids[:50])
    assert truth.all_letters.difference > truth.playbooks["win-back"].difference > 0
    assert (truth.effect, truth.effect_days, truth.within) == (EFFECT, EFFECT_DAYS, 60)


def test_only_those_whose_days_are_over_count_when_asked(tmp_path: Path) -> None:
    made = company(tmp_path)
    live(made, 1, letters(made.first_day, ["c-00001"]))
    assert not made.truth(by=made.first_day + timedelta(days=60)).all_letters.people
    assert made.truth(by=made.first_day + timedelta(days=61)).all_letters.people
    assert made.truth(by=made.first_day).all_letters.difference is None


def test_among_its_people_are_those_who_break_naive_software(tmp_path: Path) -> None:
    company(tmp_path, contacts=2000)
    contacts = rows(tmp_path, "contacts")
    assert any(row["birthday"].endswith("-02-29") for row in contacts)
    assert any(row["customer_since"].endswith("-02-29") for row in contacts)
    assert any(not row["email"] for row in contacts)
    assert any(row["email"].count("@") != 1 for row in contacts if row["email"])
    assert {"Mars/Olympus_Mons", "Asia/Kolkata", ""} <= {row["timezone"] for row in contacts}
    assert {"true", "false"} == {row["is_test"] for row in contacts} == {row["opted_out"] for row in contacts}
    assert {"yes", "no", ""} == {row["consent"] for row in contacts}
    assert len({row["email"] for row in contacts if row["email"]}) < sum(bool(row["email"]) for row in contacts)


def test_satisfaction_shows_in_answers_and_orders_alike(tmp_path: Path) -> None:
    company(tmp_path, contacts=2000)
    scores = {row["contact_id"]: float(row["score"]) for row in rows(tmp_path, "surveys") if row["score"]}
    buyers = [row["contact_id"] for row in rows(tmp_path, "orders")]
    orders_of = {who: buyers.count(who) for who in scores}
    assert mean(orders_of[who] for who in scores if scores[who] >= 9) > 1.2 * mean(
        orders_of[who] for who in scores if scores[who] <= 6
    )


def test_the_year_has_a_season(tmp_path: Path) -> None:
    company(tmp_path, contacts=1000, lived=0)
    months = [row["ordered_at"][:7] for row in rows(tmp_path, "orders")]
    assert months.count("2026-10") > months.count("2026-01")
    assert months.count("2025-12") > months.count("2026-01")


@pytest.mark.parametrize("contacts", [1, 5])
def test_a_tiny_company_lives_too(tmp_path: Path, contacts: int) -> None:
    made = company(tmp_path, contacts=contacts)
    live(made, 61)
    assert len({row["contact_id"] for row in rows(tmp_path, "contacts")}) == contacts


def test_days_come_in_order_after_the_history(tmp_path: Path) -> None:
    made = SampleCompany(contacts=5, until=UNTIL)
    with pytest.raises(ValueError, match="write_history comes before the first day"):
        made.live(made.first_day, [])
    made.write_history(tmp_path)
    with pytest.raises(ValueError, match="the next day is 2026-08-24, not 2026-08-25"):
        made.live(date(2026, 8, 25), [])
    with pytest.raises(ValueError, match="nobody in the sample company has the id 'c-9'"):
        made.live(made.first_day, letters(made.first_day, ["c-9"]))
