"""An export of another survey tool: each answer is somebody's, acts as any answer does, and counts in the KPIs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from runner.app.figuring import Question, figures
from runner.app.importing import Export, import_answers
from runner.app.tick import sync_all
from runner.errors import WrongUsage
from tests.core.world import World, utc

EXPORT = """\
Respondent ID,End Date,Email Address,How likely?,Why?
1,2026-03-10 10:00:00,ada@example.org,2,"Slow, and late"
2,2026-03-10 11:00:00,bob@example.org,10 - Extremely likely,
3,2026-03-10 11:00:00,eve@example.org,11,
4,10.03.2026,eve@example.org,3,
5,2026-03-10 11:00:00,,3,
6,2026-03-10 11:00:00,eve@example.org,,
7,soon,nobody,9.5,
8,2026-03-10 11:00:00,eve@example.org,-1,
"""
TOLD = Export("nps", {"score": "How likely?", "comment": "Why?"})


def exported(world: World, text: str = EXPORT) -> Path:
    path = world.folder / "export.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_good_rows_are_taken_in_and_all_that_is_wrong_with_each_other_one_is_named(world: World) -> None:
    done = import_answers(world.app, exported(world), TOLD, name="survey")
    assert (done.answers, done.unanswered) == (2, 1)
    assert [str(fault).partition("; ")[0] for fault in done.faults] == [
        "export.csv:4:1: How likely?: the score of nps is 0 to 10, is 11",
        "export.csv:5:1: End Date: must be a time such as 2026-11-27T10:00, is '10.03.2026'",
        "export.csv:6:1: Email Address: needs an id or an email",
        "export.csv:8:1: End Date: must be a time such as 2026-11-27T10:00, is 'soon'",
        "export.csv:8:1: Email Address: must be an address: 'nobody'",
        "export.csv:8:1: How likely?: must be a whole number, is '9.5'",
        "export.csv:9:1: How likely?: the score of nps is 0 to 10, is -1",
    ]


def test_an_imported_answer_acts_on_whom_the_crm_knows_and_counts_once_however_often(each_world: World) -> None:
    world = each_world
    world.person("ada", email="ada@example.org")
    world.playbook("sorry", "trigger: {low_score: {kind: nps, at_most: 6}}")
    world.tick("2026-03-10 00:00")
    for at in ("2026-03-10 12:00", "2026-03-10 13:00"):
        world.now = utc(at)
        import_answers(world.app, exported(world), TOLD, name="survey")
        world.tick(at)
    assert world.why("ada") == ["hello: done, answered 2 to NPS, at most 6 counts as low"]
    nps = next(
        one
        for one in figures(world.app, Question(keys=("nps",), first=date(2026, 3, 1), last=date(2026, 3, 12)))
        if one.key == "nps"
    )
    assert (nps.n, nps.value) == (2, 0)


def test_a_column_that_is_not_there_is_told_with_those_that_are(world: World) -> None:
    with pytest.raises(WrongUsage, match=r"has no column 'How likly\?'; did you mean 'How likely\?'\?"):
        import_answers(world.app, exported(world), Export("nps", {"score": "How likly?"}), name="survey")
    with pytest.raises(WrongUsage, match="say which column it is by --score"):
        import_answers(world.app, exported(world), Export("nps"), name="survey")
    with pytest.raises(WrongUsage, match=r"^there is no file .*/lost\.csv$"):
        import_answers(world.app, world.folder / "lost.csv", TOLD, name="survey")
    (latin := world.folder / "latin.csv").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(WrongUsage, match=r"latin\.csv is not UTF-8 text; save it as such"):
        import_answers(world.app, latin, TOLD, name="survey")
    assert [one.connector for one in sync_all(world.app, world.now).synced] == []
