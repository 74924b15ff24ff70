"""`preview` shows a mail as a send would make it, `send-test` sends it for a look; neither is a send."""

from __future__ import annotations

import re
import sys
from io import StringIO
from pathlib import Path

import pytest

from connectors.mail.message import copy_of
from runner import collect
from runner.app import App
from runner.app.preview import preview, send_test
from runner.cli.main import main
from runner.errors import Faults, WrongUsage
from runner.links import Kind
from runner.store.tables import metadata, suppressions
from tests.core.world import World, utc

BOOK = """\
trigger: {low_score: {kind: nps}}
actions:
  - send_email:
      {id: sorry, template: email/sorry, subject: "Sorry, {{ contact.first_name }}", reply_to: care@acme.example}
"""
SORRY = (
    "<p>Only {{ answer.score }}, {{ contact.first_name }} {{ contact.last_name }}?</p>"
    "{{ unsubscribe() }} {{ sender.address }}"
)


@pytest.fixture
def asked(world: World) -> World:
    """Ada has given a low score and got the playbook's letter."""
    world.write("templates/email/sorry.html", SORRY)
    world.playbook("sorry", BOOK)
    world.person("ada", first_name="Ada", last_name="Løvelace")
    world.tick("2026-05-04 08:00")
    world.answer("ada", 2, utc("2026-05-04 08:30"))
    world.tick("2026-05-04 09:00")
    return world


def without_tokens(text: str) -> str:
    return re.sub(r"/u/[^\s\"<>)]+", "/u/…", text)


def test_a_preview_is_what_the_send_was(asked: World) -> None:
    (mailing,) = asked.mailer.mailings
    sent = copy_of(mailing, mailing.letters[0])
    shown = preview(asked.app, "sorry", "sorry", "ada")
    assert shown.subject == sent.subject == "Sorry, Ada"
    assert without_tokens(shown.html) == without_tokens(sent.html)
    assert without_tokens(shown.text) == without_tokens(sent.text)
    assert shown.headers["To"] == "Ada Løvelace <ada@x.example>"
    assert shown.headers["Reply-To"] == "care@acme.example"
    assert shown.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_preview_writes_nothing(asked: World) -> None:
    before = {table.name: asked.rows(table.select()) for table in metadata.sorted_tables}
    preview(asked.app, "sorry", None, "ada")
    assert {table.name: asked.rows(table.select()) for table in metadata.sorted_tables} == before
    assert len(asked.mailer.mailings) == 1


def test_the_links_of_a_preview_bind_nobody(asked: World) -> None:
    shown = preview(asked.app, "sorry", None, "ada")
    token = shown.headers["List-Unsubscribe"].strip("<>").rpartition("/")[2]
    collect.unsubscribe(
        asked.store, asked.app.links.read(Kind.UNSUBSCRIBE, token), "one-click", utc("2026-05-04 10:00")
    )
    assert asked.rows(suppressions.select()) == []


def test_a_sample_person_needs_neither_contacts_nor_a_store(tmp_path: Path) -> None:
    from runner.app.starters import write_workspace

    write_workspace(tmp_path)
    with App(tmp_path) as app:
        assert preview(app, "birthday", None, None).subject == "Happy birthday, Anna"
        assert "3 out of 10" in preview(app, "low_score_followup", "sorry", None).text
    assert not (tmp_path / "regulars.db").exists()


def test_a_template_is_shown_with_the_subject_of_a_step_that_uses_it_or_without_any(asked: World) -> None:
    assert preview(asked.app, "email/sorry", None, "ada").subject == "Sorry, Ada"
    assert preview(asked.app, "email/hello", None, None).subject == "Preview of email/hello"


@pytest.mark.parametrize(
    ("what", "step", "told"),
    [
        ("sory", None, "there is no playbook or template 'sory'; did you mean 'sorry'?"),
        ("sorry", "thanks", "sorry has no step 'thanks' that writes a mail; there are sorry"),
        ("two", None, "two writes several mails; there are one, two"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(asked: World, what: str, step: str | None, told: str) -> None:
    mails = "".join(f"  - send_email: {{id: {id}, template: email/hello, subject: Hi}}\n" for id in ("one", "two"))
    asked.playbook("two", f"trigger: onboarding\nactions:\n{mails}")
    with pytest.raises(WrongUsage) as refused:
        preview(asked.app, what, step, "ada")
    assert str(refused.value) == told


def test_a_template_that_fails_for_this_person_is_a_fault_with_its_line(asked: World) -> None:
    asked.write("templates/email/sorry.html", "<p>\n{{ contact.first_name.nothing.more }}</p>")
    with pytest.raises(Faults) as failed:
        preview(asked.app, "sorry", None, "ada")
    assert str(failed.value).startswith("templates/email/sorry.html:2")


# --- send-test


def test_a_test_is_sent_to_the_address_named_and_marked_and_counts_as_no_send(asked: World) -> None:
    assert send_test(asked.app, "Me@Acme.example", "sorry", None, "ada").verdict == "accepted"
    (letter,) = asked.mailer.mailings[-1].letters
    assert (letter.to.email, asked.mailer.mailings[-1].subject) == ("me@acme.example", "[test] Sorry, Ada")
    assert len(asked.log("ada")) == 1


def test_nobody_who_may_not_be_written_to_gets_a_test(asked: World) -> None:
    asked.do(suppressions.insert().values(address="no@x.example", reason="bounced", source="x", at=utc("2026-01-01")))
    for address, told in (("no@x.example", "is suppressed: bounced"), ("nobody", "is no address")):
        with pytest.raises(WrongUsage, match=told):
            send_test(asked.app, address, "sorry", None, "ada")
    assert len(asked.mailer.mailings) == 1


def test_where_mail_is_staged_a_test_stays_on_the_stage(tmp_path: Path, sqlite_url: str) -> None:
    world = World(tmp_path, sqlite_url)
    world.write("regulars.yaml", (world.folder / "regulars.yaml").read_text().replace(
        "{type: outbox}", "{type: outbox, only_to: [me@acme.example]}"))  # fmt: skip
    world.reopen()
    with pytest.raises(WrongUsage, match="only_to"):
        send_test(world.app, "you@acme.example", "email/hello", None, None)
    assert send_test(world.app, "me@acme.example", "email/hello", None, None).verdict == "accepted"
    world.close()


def test_a_real_mailer_is_used_only_after_a_yes(
    asked: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = (asked.folder / "regulars.yaml").read_text()
    asked.write("regulars.yaml", settings.replace("{type: outbox}", "{type: smtp, host: 127.0.0.1, port: 1}"))
    monkeypatch.setattr(sys, "argv", ["regulars", "-C", str(asked.folder), "send-test", "me@acme.example", "sorry"])
    monkeypatch.setattr(sys, "stdin", StringIO("n\n"))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert "through smtp?" in capsys.readouterr().out


def test_the_command_prints_headers_and_text_or_json(
    asked: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["regulars", "-C", str(asked.folder), "preview", "sorry", "--contact", "ada"]
    monkeypatch.setattr(sys, "argv", command)
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["Subject: Sorry, Ada", "From: Acme <hello@acme.example>", "To: Ada Løvelace <ada@x.example>"]
    assert "Only 2, Ada Løvelace?" in "\n".join(lines)
