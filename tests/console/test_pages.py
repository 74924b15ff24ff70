"""The pages tell what the commands tell, and what is decided on them is what the commands decide."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape

import sqlalchemy as sa

from connectors.base import Verdict
from connectors.records import Survey
from runner import kpis
from runner.app.logins import Role
from runner.app.quotas import QUOTA
from runner.store.tables import decisions, suppressions, tasks
from tests.console.conftest import Visitor
from tests.core.world import Postbox, World, all_of, utc

BIRTHDAY = "trigger: {anniversary: {of: contact.birthday}}\n"
TODAY = "2026-05-04 12:00"
BORN = date(1990, 5, 4)

Enter = Callable[..., Visitor]


def words(page: str) -> str:
    """What a page says, without its tags and line breaks."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def rows_of(page: str) -> list[str]:
    return [words(row) for row in re.findall(r"<tr>(.*?)</tr>", page.partition("<tbody>")[2], re.DOTALL)]


# --- home


def test_home_says_whether_it_runs_and_what_comes_next(world: World, inside_of: Enter) -> None:
    world.person("ada", birthday=BORN)
    world.playbook("birthday", BIRTHDAY + "actions:\n  - wait: 1 day\n  - stop: enough\n")
    home = inside_of(world)
    assert "Nothing has run yet" in home.page("/")
    world.tick(TODAY)
    page = words(home.page("/"))
    assert "It runs The last tick was on 4 May, 12:00" in page
    assert "5 May, 12:00 ada@x.example birthday stop: enough" in page


def test_home_says_how_many_calls_of_a_connector_are_used_and_left(world: World, inside_of: Enter) -> None:
    world.write(
        "regulars.yaml", (world.folder / "regulars.yaml").read_text() + "connectors: {crm: {type: csv, path: .}}\n"
    )
    world.reopen()
    told = {"at": "2026-05-04T11:00:00+00:00", "day": {"limit": 250_000, "used": 201_000, "left": 49_000}}
    world.app.remember(f"{QUOTA}crm", told)
    assert "201,000 of 250,000 of a day used, 49,000 left" in words(inside_of(world).page("/"))


def test_what_waits_for_a_person_leads_to_where_it_is_decided(world: World, inside_of: Enter) -> None:
    world.people("ada", "bo", birthday=BORN)
    world.playbook("birthday", BIRTHDAY + "brake: {people: 1, share: 1%, at_least: 1}\n")
    world.playbook("broken", "trigger: {nonsense: {}}\n")
    world.tick(TODAY)
    page = inside_of(world).page("/")
    assert "Brake: birthday 2 people at once" in words(page)
    assert 'href="./playbooks/birthday/approve"' in page
    assert "At fault: broken" in words(page)


# --- decisions


def test_a_playbook_is_paused_and_resumed_by_the_page(world: World, inside_of: Enter) -> None:
    world.person("ada", birthday=BORN)
    world.playbook("birthday", BIRTHDAY)
    world.tick("2026-05-03 12:00")
    ada = inside_of(world)
    done = ada.post("/playbooks/birthday/pause")
    assert "birthday is paused" in ada.page(done.headers["location"].replace("../../", "/"))
    assert world.ticks(TODAY) == []
    assert "birthday is paused" not in ada.page("/playbooks/birthday")
    ada.post("/playbooks/birthday/resume")
    assert [letter.who for letter in world.ticks("2026-05-04 12:05")] == ["ada"]


def test_those_whom_the_brake_holds_are_let_in_only_as_they_were_seen(world: World, inside_of: Enter) -> None:
    world.people("ada", "bo", birthday=BORN)
    world.playbook("birthday", BIRTHDAY + "brake: {people: 1, share: 1%, at_least: 1}\n")
    world.tick(TODAY)
    ada = inside_of(world)
    asked = ada.page("/playbooks/birthday/approve")
    assert "ada@x.example" in asked
    assert ada.post("/playbooks/birthday/approve", plan="another").status_code == 409
    assert world.ticks("2026-05-04 12:05") == []
    plan = re.search(r'name="plan" value="(\w+)"', asked)
    assert plan is not None
    ada.post("/playbooks/birthday/approve", plan=plan[1])
    assert [letter.who for letter in world.ticks("2026-05-04 12:10")] == ["ada", "bo"]


def test_everything_is_paused_and_resumed_by_the_page(world: World, inside_of: Enter) -> None:
    world.person("ada", birthday=BORN)
    world.playbook("birthday", BIRTHDAY)
    ada = inside_of(world)
    ada.post("/pause")
    assert "Everything is paused" in ada.page("/playbooks")
    assert world.ticks(TODAY) == []
    ada.post("/resume")
    assert [letter.who for letter in world.ticks("2026-05-04 12:05")] == ["ada"]


def test_an_unsure_send_is_settled_by_the_page(world: World, inside_of: Enter) -> None:
    world.person("ada", birthday=BORN)
    world.playbook("birthday", BIRTHDAY)
    world.mailer = Postbox(lambda mailing: all_of(mailing, Verdict.UNSURE, "the answer was lost"))
    world.tick(TODAY)
    ada = inside_of(world)
    (send,) = re.findall(r'action="\./unsure/([^"]+)"', ada.page("/unsure"))
    ada.post(f"/unsure/{send}", on="/unsure", verb="sent")
    assert "None is unsure" in ada.page("/unsure")
    assert [row.status for row in world.log() if row.step == "hello"] == ["done"]


def test_a_task_that_is_done_leaves_the_list(world: World, inside_of: Enter) -> None:
    world.person("ada", birthday=BORN)
    world.playbook("birthday", BIRTHDAY + "actions:\n  - create_task: {subject: Call Ada, due: in 1 day}\n")
    world.tick(TODAY)
    ada = inside_of(world)
    assert "Call Ada" in ada.page("/tasks")
    ada.post("/tasks/1/done", on="/tasks")
    assert "Nothing to do" in ada.page("/tasks")
    assert world.rows(sa.select(tasks.c.done_at))[0].done_at == world.now


def test_who_is_never_to_be_written_to_is_kept_with_who_said_so(world: World, inside_of: Enter) -> None:
    world.person("ada", birthday=BORN)
    world.playbook("birthday", BIRTHDAY)
    ada = inside_of(world)
    ada.post("/contacts/1/suppress")
    assert "Gets no mail" in ada.page("/contacts/1")
    assert world.ticks(TODAY) == []
    assert world.rows(sa.select(suppressions.c.source))[0].source == "ada@acme.example"
    ada.post("/contacts/1/unsuppress")
    assert "Gets no mail" not in ada.page("/contacts/1")


# --- the log


def told(world: World) -> None:
    """Three got their letter, one has no address, and one wants none."""
    world.people("ada", "bo", "cy", birthday=BORN)
    world.person("dee", birthday=BORN, email="no address")
    world.person("eve", birthday=BORN, opted_out=True)
    world.playbook("birthday", BIRTHDAY)
    world.playbook("other", "trigger: {anniversary: {of: contact.birthday}}\naudience: contact.country == 'PL'\n")
    world.tick(TODAY)


FILTERS = {
    "playbook=birthday": 5,
    "status=done": 3,
    "status=skipped&playbook=other": 5,
    "contact=ada": 2,
    "contact=bo@x.example&playbook=birthday": 1,
    "from=2026-05-04&to=2026-05-04": 10,
    "from=2026-05-05": 0,
    "to=2026-05-03": 0,
    "from=2026-05-04T12:00:01": 0,
    "q=ada": 2,
    "q=cy@x.ex": 2,
    "q=opted out": 1,
    "q=nobody and nothing": 0,
}


def test_the_log_is_narrowed_by_every_filter_on_both_databases(each_world: World, inside_of: Enter) -> None:
    told(each_world)
    ada = inside_of(each_world)
    found = {asked: len(rows_of(ada.page(f"/log?{asked}"))) for asked in FILTERS}
    assert found == FILTERS
    (reason,) = {
        row.reason for row in each_world.log() if row.contact.source_id == "dee" and row.playbook == "birthday"
    }
    assert [reason in row for row in rows_of(ada.page(f"/log?reason={reason}"))] == [True]


def test_a_filter_that_means_nothing_is_told_and_not_guessed(world: World, inside: Visitor) -> None:
    for asked, says in (("status=lost", "no status"), ("from=yesterday", "no day"), ("contact=eve", "no contact")):
        answer = inside.get(f"/log?{asked}")
        assert (answer.status_code, says in answer.text) == (422, True), asked
    assert inside.page("/log?before=nonsense")


def test_page_by_page_the_log_has_every_row_once_newest_first(each_world: World, inside_of: Enter) -> None:
    each_world.people(*(f"p{number}" for number in range(110)), birthday=BORN)
    each_world.playbook("other", BIRTHDAY + "audience: contact.country == 'PL'\n")
    each_world.tick(TODAY)
    # A third of them some days before, the rest at one instant.
    back = decisions.update().where(decisions.c.id % 3 == 0)
    each_world.do(back.values(at=utc("2026-04-20 08:00")))
    ada = inside_of(each_world)
    for narrowed in ("", "status=skipped", "q=not in the audience"):
        assert sorted(map(int, people_in_all_pages(ada, f"/log?{narrowed}"))) == list(range(1, 111)), narrowed


def people_in_all_pages(ada: Visitor, path: str) -> list[str]:
    seen = []
    while path:
        page = ada.page(path)
        seen += re.findall(r'<td><a href="\./contacts/(\d+)">', page)
        older = re.search(r'rel="next" href="\.(/log\?[^"]+)"', page)
        path = unescape(older[1]) if older else ""
    return seen


# --- people


def test_a_contact_is_found_by_address_name_and_id(each_world: World, inside_of: Enter) -> None:
    each_world.person("ada", first_name="Ada", last_name="Lovelace")
    each_world.person("adam", first_name="Adam")
    each_world.order("ada", utc("2025-06-01 10:00"), total="1250.5")
    ada = inside_of(each_world)
    for typed in ("ada@x.example", "ada@", "Lovel", "ada love", "1"):
        assert ada.get(f"/contacts?q={typed}").headers["location"] == "./contacts/1", typed
    assert len(rows_of(ada.page("/contacts?q=ad"))) == 2
    assert ada.get("/contacts/adam").headers["location"] == "../contacts/2"
    assert "revenue €1,250.50 last order at" in words(ada.page("/contacts/1"))
    assert "Nobody is called so" in ada.page("/contacts?q=zoe")
    assert ada.get("/contacts/99").status_code == 404


def test_a_life_has_what_somebody_bought_said_and_got(world: World, inside_of: Enter) -> None:
    world.person("ada", birthday=BORN)
    world.order("ada", utc("2026-04-01 10:00"), total="25")
    world.answer("ada", 9, utc("2026-04-02 10:00"))
    world.playbook("birthday", BIRTHDAY)
    world.tick(TODAY)
    page = words(inside_of(world).page("/contacts/1"))
    assert page.index("birthday hello") < page.index("answered NPS: 9") < page.index("ordered for 25.00")
    assert "finished" in page


def test_whatever_people_are_called_no_page_runs_it(world: World, inside_of: Enter) -> None:
    evil = "<script>alert(1)</script>"
    world.person("ada", birthday=BORN, first_name=evil, last_name='"><img src=x onerror=alert(1)>', owner=evil)
    world.write(
        "playbooks/birthday.yaml", f"name: '{evil}'\ndescription: '{evil}'\n{BIRTHDAY}actions:\n  - stop: '{evil}'\n"
    )
    world.tick(TODAY)
    ada = inside_of(world)
    shown = [ada.page(path) for path in ("/", "/playbooks", "/playbooks/birthday", "/log", "/contacts", "/contacts/1")]
    shown += [ada.page(f"/contacts?q={evil}x"), ada.page(f"/log?q={evil}"), ada.get(f"/log?status={evil}").text]
    assert all("<script" not in page and "<img" not in page for page in shown)
    assert "&lt;script&gt;" in shown[5]


# --- figures, answers, mail, settings


def test_few_figures_are_shown_each_with_its_interval_or_why_there_is_none(world: World, inside_of: Enter) -> None:
    world.people("ada", "bo")
    for who in ("ada", "bo"):
        world.order(who, utc("2025-11-01 10:00"))
    world.order("ada", utc("2026-04-01 10:00"))
    world.tick(TODAY)
    ada = inside_of(world)
    page = words(ada.page("/kpis"))
    few, everything = rows_of(ada.page("/kpis")), rows_of(ada.page("/kpis?all"))
    assert len(few) < 15 < len(kpis.KPIS) <= len(everything)
    assert "To keep the customers there are" in page
    assert re.search(r"Repeat purchase rate .* 50\.0 % 9\.5 to 90\.5 % 2 too few to judge", page)
    assert "Net promoter score" in page
    assert page.count(" – ") >= 3


def test_what_was_counted_in_the_night_is_what_the_page_shows(world: World, inside_of: Enter) -> None:
    world.person("ada")
    world.answer("ada", 9, utc("2026-04-02 10:00"))
    world.tick(TODAY)
    kpis.refresh(world.store, world.app.settings, world.now)
    world.answer("ada", 0, utc("2026-04-03 10:00"))
    world.now += timedelta(hours=1)
    assert "+100" in words(inside_of(world).page("/kpis"))


def test_a_figure_is_drawn_over_its_months_and_each_month_stands_in_a_table(world: World, inside_of: Enter) -> None:
    world.people("ada", "bo", "cy")
    for month, who in ((1, "ada"), (1, "bo"), (1, "cy"), (2, "ada"), (3, "bo")):
        world.order(who, utc(f"2026-0{month}-10 10:00"))
    world.tick(TODAY)
    ada = inside_of(world)
    page = ada.page("/kpis/repeat_purchase_rate")
    assert 'aria-label="4 months, from 0.0 % in Jan 2026 to 66.7 % in Apr 2026"' in page
    assert re.search(r"Mar 2026 66\.7 % 20\.8 to 93\.9 % 3 too few to judge", words(page))
    assert "2026 Q1" in words(ada.page("/kpis/repeat_purchase_rate?by=quarters"))
    assert "from 0.0 % in Jan 2026" in ada.page("/kpis")
    assert ada.get("/kpis/no_such_figure").status_code == 404


def test_all_playbooks_stand_side_by_side_against_their_holdouts(world: World, inside_of: Enter) -> None:
    world.people("ada", "bo", birthday=BORN)
    world.playbook("birthday", BIRTHDAY + "holdout: 10%\n")
    world.playbook("other", BIRTHDAY)
    world.tick(TODAY)
    page = words(inside_of(world).page("/effect"))
    assert "birthday – – – too early" in page
    assert "Without a holdout, so that nobody can tell: other" in page


def test_answers_show_the_spread_and_the_words(world: World, inside_of: Enter) -> None:
    world.people("ada", "bo", "cy")
    for who, score in (("ada", 9), ("bo", 9), ("cy", 3)):
        world.answer(who, score, utc("2026-04-02 10:00"))
    world.tick(TODAY)
    page = words(inside_of(world).page("/answers"))
    assert "NPS +33" in page
    assert "3 1 33.3 %" in page
    assert "9 2 66.7 %" in page
    assert "3 answers, 0 with words" in page


def test_words_that_return_lead_to_the_answers_they_stand_in(world: World, inside_of: Enter) -> None:
    world.people("ada", "bo", "cy", language="en")
    for who, comment in (("ada", "the parcel came late"), ("bo", "a late parcel again"), ("cy", "fine")):
        world.hear(
            Survey(
                response_id=who, contact_id=who, kind="nps", scale="0-10", score=5, comment=comment,
                responded_at=utc("2026-04-02 10:00"),
            )
        )  # fmt: skip
    world.tick(TODAY)
    ada = inside_of(world)
    word, count = re.findall(r'word=([^"#]+)#words"[^>]*>[^<]*<span class="soft">(\d+)', ada.page("/answers"))[0]
    assert count == "2"
    page = words(ada.page(f"/answers?word={word}"))
    assert "the parcel came late" in page
    assert "<blockquote>fine" not in ada.page(f"/answers?word={word}")


def test_mail_is_told_by_people_machines_and_unknown_readers(world: World, inside_of: Enter) -> None:
    told(world)
    page = words(inside_of(world).page("/deliverability"))
    assert "birthday 3 3 0.0 % 0.0 to 56.1 % 0.0 % 0.0 % 0.0 % 0 0 0" in page


def test_settings_show_where_each_comes_from_and_no_secret(world: World, inside_of: Enter) -> None:
    more = "caps: {per_day: 2}\nwebhooks: {team: 'https://hooks.example/T0/verysecretpath'}\n"
    written = (world.folder / "regulars.yaml").read_text().replace("a secret of some length", "${HIDDEN}")
    world.write("regulars.yaml", written + more)
    world.write(".env", "HIDDEN=not to be seen by anybody\n")
    world.reopen()
    page = inside_of(world).page("/settings")
    assert "per_day 2 regulars.yaml, line 7" in words(page)
    assert "secret •••••••• regulars.yaml, line 4, from HIDDEN" in words(page)
    assert "not to be seen" not in page
    assert "verysecretpath" not in page


def test_a_reader_sees_every_page(world: World, inside_of: Enter) -> None:
    told(world)
    reader = inside_of(world, Role.READER)
    for path in ("", "playbooks", "log", "contacts", "contacts/1", "kpis", "quality", "answers", "settings", "tasks"):
        assert "Log out" in reader.page(f"/{path}")


def test_pages_work_under_a_prefix(world: World, inside: Visitor) -> None:
    world.person("ada")
    assert 'href="../static/console.css"' in inside.page("/contacts/1")
    assert 'href="./static/console.css"' in inside.page("/log")
