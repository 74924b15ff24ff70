"""Scores: ours and the sources' together, each person's latest, only what lies on the standard scale."""

from __future__ import annotations

import pytest

from runner.kpis import Reason
from tests.kpis.shop import Shop, on

ASKED = {"sent_at": on("2026-01-05")}


def test_the_worked_promoter_score(shop: Shop) -> None:
    """50 promoters, 30 passives, 20 detractors: +30, between 14.1 and 44.2."""
    shop.survey(shop.people(50), 9)
    shop.survey(shop.people(30), 8)
    shop.survey(shop.people(20), 6)
    nps = shop.figures(keys=["nps"])["nps"]
    assert (nps.value, nps.n) == (30, 100)
    assert (nps.low, nps.high) == (pytest.approx(14.05, abs=0.01), pytest.approx(44.20, abs=0.01))


def test_zero_is_an_answer_and_a_blank_is_none(shop: Shop) -> None:
    shop.survey(shop.people(1), 0)
    shop.survey(shop.people(1), None)
    shop.answer(shop.person(), None)
    told = shop.figures(keys=["nps"])
    assert (told["nps"].value, told["nps"].n, told["nps.detractors"].value) == (-100, 1, 1)


def test_of_each_person_the_latest_answer_counts_wherever_it_was_given(shop: Shop) -> None:
    changed_mind, loyal = shop.people(2)
    shop.survey(changed_mind, 10, "2026-01-05")
    shop.answer(changed_mind, 3, "2026-01-06")
    shop.answer(loyal, 2, "2026-01-05")
    shop.survey(loyal, 9, "2026-01-06")
    told = shop.figures(keys=["nps"])
    assert (told["nps.promoters"].value, told["nps.detractors"].value, told["nps"].n) == (1, 1, 2)


def test_answers_of_merged_records_are_one_person_s(shop: Shop) -> None:
    survivor = shop.person()
    shop.answer(shop.person(merged_into=survivor), 0, "2026-01-05")
    shop.answer(survivor, 10, "2026-01-06")
    assert (shop.figures(keys=["nps"])["nps"].value, shop.figures(keys=["nps"])["nps"].n) == (100, 1)


def test_answers_of_test_records_and_deleted_people_are_left_out(shop: Shop) -> None:
    shop.answer(shop.person(is_test=True), 0)
    shop.survey(shop.person(deleted_at=on("2026-01-12")), 0)
    shop.answer(shop.person(), 9)
    assert shop.figures(keys=["nps"])["nps"].n == 1


def test_another_scale_is_counted_apart_and_never_pooled(shop: Shop) -> None:
    one = shop.person()
    shop.survey(one, 10, "2026-01-05")
    shop.survey(one, 1, "2026-01-06", scale="1-10")
    told = shop.figures(keys=["nps"])
    assert (told["nps"].value, told["nps"].n, told["nps.non_standard"].value) == (100, 1, 1)


def test_answers_on_other_scales_only_are_no_score(shop: Shop) -> None:
    shop.survey(shop.people(3), 9, scale="1-10")
    told = shop.figures(keys=["nps"])["nps"]
    assert (told.value, told.reason, told.why) == (None, Reason.NON_STANDARD_SCALE, "answers on other scales only")


@pytest.mark.parametrize("scale", ["0-10", "0–10", "0 - 10", "0..10"])
def test_the_standard_scale_may_be_written_in_several_ways(shop: Shop, scale: str) -> None:
    shop.survey(shop.people(1), 9, scale=scale)
    assert shop.figures(keys=["nps"])["nps"].n == 1


@pytest.mark.parametrize("score", [-1, 11, 8.5, 1e20])
def test_a_score_off_the_scale_is_counted_and_left_out(shop: Shop, score: float) -> None:
    shop.survey(shop.people(1), score)
    shop.survey(shop.people(1), 9)
    told = shop.figures(keys=["nps"])
    assert (told["nps"].n, told["nps.invalid"].value) == (1, 1)


def test_no_answer_in_the_period_is_told_from_never_having_asked(shop: Shop) -> None:
    assert shop.figures(keys=["nps"])["nps"].why == "needs surveys: none have come in"
    shop.answer(shop.person(), 9, "2025-06-01")
    assert shop.figures(keys=["nps"])["nps"].why == "no answers in the period"


def test_an_answer_seen_later_is_not_known_yet(shop: Shop) -> None:
    shop.answer(shop.person(), 9, "2026-01-10")
    shop.survey(shop.person(), 0, "2026-01-10", seen_at=on("2026-03-01"))
    assert shop.figures(keys=["nps"], as_of=on("2026-02-10"))["nps"].value == 100
    assert shop.figures(keys=["nps"], as_of=on("2026-03-02"))["nps"].value == 0
    assert shop.figures(keys=["nps"], as_of=on("2026-01-09"))["nps"].value is None


def test_the_worked_satisfaction_score_with_its_mean(shop: Shop) -> None:
    """5, 5, 4, 2, 3, 4: four of six, mean 3.83; also when some are given on our pages."""
    for score in (5, 5, 4):
        shop.survey(shop.person(), score, kind="csat", scale="1-5")
    for score in (2, 3, 4):
        shop.answer(shop.person(), score, kind="csat")
    told = shop.figures(keys=["csat"])
    assert (told["csat"].value, told["csat"].n) == (pytest.approx(4 / 6), 6)
    assert told["csat.mean"].value == pytest.approx(3.8333, abs=0.0001)
    assert (told["csat.mean"].low, told["csat.mean"].high) == (pytest.approx(2.61, abs=0.01), 5)


def test_satisfaction_takes_the_interval_of_the_worked_number(shop: Shop) -> None:
    shop.survey(shop.people(41), 5, kind="csat", scale="1-5")
    shop.survey(shop.people(9), 3, kind="csat", scale="1-5")
    csat = shop.figures(keys=["csat"])["csat"]
    assert (csat.low, csat.high) == (pytest.approx(0.692, abs=0.0005), pytest.approx(0.902, abs=0.0005))


def test_kinds_of_surveys_are_never_mixed(shop: Shop) -> None:
    shop.survey(shop.person(), 5, kind="csat", scale="1-5")
    shop.survey(shop.person(), 5, kind="ces", scale="1-7")
    assert shop.figures(keys=["nps"])["nps"].n == 0
    assert shop.figures(keys=["csat"])["csat"].n == 1


def test_the_worked_response_rate(shop: Shop) -> None:
    """45 of 120."""
    shop.survey(shop.people(45), 8, **ASKED)
    shop.survey(shop.people(75), None, responded_at=None, **ASKED)
    told = shop.figures(keys=["survey_response_rate"])["survey_response_rate"]
    assert (told.value, told.n) == (0.375, 120)


def test_surveys_of_ours_count_once_delivered_and_by_their_kind(shop: Shop) -> None:
    shop.answer(shop.person(), 9)
    shop.mail(shop.person(), action="survey", about="nps")
    shop.mail(shop.person(), action="survey", about="csat", delivery="delivered")
    for delivery in ("bounced", "blocked", "dropped"):
        shop.mail(shop.person(), action="survey", about="nps", delivery=delivery)
    for state in ("claimed", "refused", "unsure"):
        shop.mail(shop.person(), action="survey", about="nps", state=state)
    shop.mail(shop.person())
    told = shop.figures(keys=["survey_response_rate"])
    assert {key: (kpi.value, kpi.n) for key, kpi in told.items()} == {
        "survey_response_rate": (pytest.approx(1 / 3), 3),
        "survey_response_rate.nps": (0.5, 2),
        "survey_response_rate.csat": (0, 1),
    }


def test_a_reminder_is_not_another_survey_and_its_answer_is_the_survey_s(shop: Shop) -> None:
    person = shop.person()
    first = shop.mail(person, "2026-01-30", action="survey", about="nps")
    reminder = shop.mail(person, "2026-02-04", again=first, action="survey", about="nps")
    shop.answer(person, 9, "2026-02-05", send=reminder)
    told = shop.figures(keys=["survey_response_rate"])["survey_response_rate"]
    assert (told.value, told.n) == (1, 1)
    early = shop.figures(keys=["survey_response_rate"], as_of=on("2026-02-02"))["survey_response_rate"]
    assert (early.value, early.n) == (0, 1)


def test_a_survey_that_was_never_delivered_is_no_denominator(shop: Shop) -> None:
    shop.mail(shop.person(), action="survey", about="nps", delivery="bounced")
    told = shop.figures(keys=["survey_response_rate"])["survey_response_rate"]
    assert (told.value, told.why) == (None, "no survey was delivered in the period")


def test_another_scale_of_satisfaction_counts_where_the_account_says_how(shop: Shop) -> None:
    """On 1–7 from 6 on, beside 1–5 from 4 on: three of five are satisfied. The mean stays one of the scale 1–5."""
    for score in (7, 6, 5):
        shop.survey(shop.person(), score, kind="csat", scale="1-7")
    for score in (4, 3):
        shop.survey(shop.person(), score, kind="csat", scale="1-5")
    plain, mapped = shop.figures(keys=["csat"]), shop.figures(keys=["csat"], kpis={"csat_scales": {"1-7": 6}})
    assert (plain["csat"].n, plain["csat.non_standard"].value) == (2, 3)
    assert (mapped["csat"].value, mapped["csat"].n, mapped["csat.non_standard"].value) == (0.6, 5, 0)
    assert (mapped["csat.mean"].value, mapped["csat"].note) == (3.5, "Other scales that count: 1-7 from 6 on.")


def test_a_score_of_few_who_answered_says_so(shop: Shop) -> None:
    """Three of forty answered: hardly for the others."""
    shop.survey(shop.people(3), 9, **ASKED)
    shop.survey(shop.people(37), None, **ASKED, responded_at=None)
    assert shop.figures(keys=["nps"])["nps"].note == "Few answered: 8% of 40 asked."
    assert shop.figures(keys=["nps"], kpis={"minimum_n": 41})["nps"].note == ""
