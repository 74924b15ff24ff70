"""The commands: how each ends, what it prints, and that JSON is only JSON."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.cli.main import main
from runner.cli.options import PIPED_WIDTH
from runner.settings import load_settings
from tests.conftest import REPOSITORY

COMMANDS = (
    "init check schema test backtest preview send-test sync plan run start log kpis churn effect report explain "
    "doctor answers calculate cohorts quality tasks approve enroll settle pause resume suppress unsuppress token "
    "import user go-live demo reclassify export erase referrals points reviews"
).split()
PEOPLE = """\
contact_id,email,first_name,timezone,created_at,birthday,lifecycle_stage
c1,ada@x.example,Ada,UTC,2020-01-01,1990-05-04,customer
c2,nonsense,Bob,UTC,2020-01-01,1990-05-04,customer
c3,cyd@x.example,Cyd,UTC,2020-01-01,1990-05-04,lead
"""
SETTINGS = """\
public_url: https://hello.acme.example
secret: a secret of some length
sender: {name: Acme, email: hello@acme.example, address: "1 Main St"}
connectors: {crm: {type: csv, path: data}}
mail: {type: outbox}
"""
BIRTHDAY = """\
name: Birthday
trigger: {anniversary: {of: contact.birthday}}
audience: contact.lifecycle_stage == "customer"
actions:
  - send_email: {id: wishes, template: email/hello, subject: Hello}
"""
AT = "2026-05-04T09:00"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Call = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with three people whose birthday is on 4 May."""
    for name, text in {
        "regulars.yaml": SETTINGS,
        "playbooks/birthday.yaml": BIRTHDAY,
        "templates/email/hello.html": "<p>Dear {{ contact.first_name }}</p>{{ unsubscribe() }}{{ sender.address }}",
        "data/contacts.csv": PEOPLE,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def call(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls `regulars` in that workspace."""

    def called(*words: str, bare: bool = False) -> Ended:
        monkeypatch.setattr(sys, "argv", ["regulars", *([] if bare else ["-C", str(folder)]), *words])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capsys.readouterr())

    return called


def test_check_tells_warnings_after_faults_by_file_and_for_a_small_terminal(call: Call, folder: Path) -> None:
    text = BIRTHDAY.replace("contact.birthday", "contact.brithday").replace(
        '== "customer"', '== "customer" and contact.plan == 1'
    )
    (folder / "playbooks/birthday.yaml").write_text(text + "tirgger: x\n", encoding="utf-8")
    (folder / "playbooks/old").mkdir()
    (folder / "playbooks/old/x.yaml").write_text("name: X\n", encoding="utf-8")
    ended = call("check")
    fault, *warnings = ended.out.splitlines()
    assert fault == "playbooks/birthday.yaml:6:1: tirgger: there is no key 'tirgger' here; did you mean 'trigger'?"
    assert [line for line in warnings if not line.startswith(" ")] == [
        "playbooks/birthday.yaml (warnings)",
        "playbooks/old/x.yaml (warnings)",
    ]
    assert warnings[1].startswith("  2:29    trigger.anniversary.of: there is no 'contact.brithday'; the first")
    assert max(map(len, warnings)) <= 80
    assert (ended.code, ended.err) == (1, "0 of 1 playbooks healthy, 1 fault, 3 warnings\n")


def test_a_day_from_check_to_log(call: Call, folder: Path) -> None:
    assert call("check").code == 0
    assert call("sync").code == 0
    assert call("plan", "--at", AT).code == 0
    assert call("run", "--at", AT).code == 0
    assert len(list(folder.glob("outbox/**/*.eml"))) == 1
    for command in ("log", "kpis", "doctor", "tasks", "explain c1"):
        assert "Traceback" not in call(*command.split()).err


def test_the_workspace_is_named_before_or_after_the_command(call: Call, folder: Path) -> None:
    assert call("-C", str(folder), "check", bare=True).code == 0
    assert call("check", "-C", str(folder), bare=True).code == 0
    elsewhere = call("check", "-C", str(folder / "nowhere"), bare=True)
    assert (elsewhere.code, "regulars.yaml: there is none in" in elsewhere.out + elsewhere.err) == (1, True)


@pytest.mark.parametrize(
    "words", ["run", "plan", "log", "sync", "kpis", "doctor", "explain x", "tasks", "settle", "pause"]
)
def test_a_folder_that_is_no_workspace_is_a_fault_in_words(call: Call, tmp_path: Path, words: str) -> None:
    ended = call(*words.split(), "-C", str(tmp_path / "nowhere"), bare=True)
    assert ended.code == 1
    assert ended.err.startswith("regulars.yaml: there is none in ")
    assert not (tmp_path / "nowhere").exists()


def test_the_version_is_told_without_a_command(call: Call) -> None:
    assert call("--version", bare=True).out.startswith("regulars 0.")


def test_a_demo_is_made_in_the_folder_that_is_named_before_the_command(call: Call, folder: Path) -> None:
    ended = call("-C", str(folder / "try"), "demo", "--contacts", "5", "--days", "1", bare=True)
    assert ended.code == 0
    assert (folder / "try/regulars.db").is_file()


def test_what_is_piped_on_is_not_cut(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    call("run", "--at", AT)
    assert "ada@x.example" in call("log").out


def test_what_is_piped_on_is_no_wider_than_what_it_says(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    synced, found = call("sync", "--full").out.splitlines(), call("doctor").out.splitlines()
    assert max(map(len, synced[:-2])) < 80
    assert max(map(len, found)) <= PIPED_WIDTH
    assert not [line for line in (*synced, *found) if line.endswith(" ")]


def test_a_sync_that_failed_is_told_in_json_and_by_doctor_until_one_succeeds(call: Call, folder: Path) -> None:
    people = (folder / "data").rename(folder / "away")
    failed = call("sync", "--json")
    assert failed.code == 3
    assert failed.json["failures"][0].startswith("crm: ")
    assert any("the sync at" in check["message"] for check in call("doctor", "--json").json["checks"])
    people.rename(folder / "data")
    assert call("sync").code == 0
    assert not any("the sync at" in check["message"] for check in call("doctor", "--json").json["checks"])


def test_a_port_that_there_is_not_is_wrong_usage(call: Call) -> None:
    ended = call("start", "--port", "99999")
    assert (ended.code, "Traceback" in ended.err) == (2, False)


def test_a_row_of_the_plan_has_the_documented_keys(call: Call) -> None:
    call("sync")
    rows = call("plan", "--at", AT, "--json").lines
    assert {row["contact"]["source_id"]: (row["status"], row["reason"]) for row in rows} == {
        "c1": ("do", "36 years since birthday 1990-05-04"),
        "c2": ("skip", "no valid address: 'nonsense'"),
        "c3": ("skip", 'not in the audience: contact.lifecycle_stage == "customer"'),
    }
    keys = "at playbook version occasion contact step action arm status reason until send branch write"
    assert {" ".join(row) for row in rows} == {keys}


def test_a_row_of_the_log_has_the_documented_keys(call: Call) -> None:
    call("run", "--at", AT)
    (row,) = call("log", "--json", "--contact", "c1").lines
    assert row["send"].pop("id")
    assert row.pop("version")
    assert row["contact"].pop("id")
    assert row == {
        "at": "2026-05-04T09:00:00+00:00", "playbook": "birthday", "occasion": "birthday 2026",
        "contact": {"source_id": "c1", "email": "ada@x.example"}, "step": "wishes", "action": "send_email",
        "arm": "treated", "status": "done", "reason": "36 years since birthday 1990-05-04", "until": None,
        "send": row["send"], "branch": None, "write": None,
    }  # fmt: skip
    assert " ".join(row["send"]) == "message_id state delivery opened clicked answered unsubscribed complained"


def test_the_documents_of_the_other_commands(call: Call) -> None:
    assert call("check", "--json").json == {"faults": [], "warnings": []}
    synced = call("sync", "--json").json
    assert synced["tables"]["contacts"] == {"read": 3, "new": 3, "changed": 0, "deleted": 0, "set_aside": 0}
    assert set(synced) == {"tables", "calls", "warnings", "failures", "waiting"}
    assert set(call("run", "--at", AT, "--json").json) >= {"at", "synced", "entered", "delivered", "waiting"}
    assert set(call("doctor", "--json").json) == {"checks", "invalid", "quota"}
    explained = call("explain", "ada@x.example", "--json").json
    assert set(explained) == {"contact", "playbooks"}
    assert set(explained["playbooks"][0]) == {"playbook", "state", "reason", "clauses", "decisions"}
    figure = call("kpis", "--json").json[0]
    assert set(figure) >= {"key", "name", "value", "unit", "n", "low", "high", "period", "as_of", "definition"}


def test_faults_are_json_with_their_place(call: Call, folder: Path) -> None:
    (folder / "playbooks/birthday.yaml").write_text(BIRTHDAY.replace("anniversary", "aniversary"))
    ended = call("check", "--json")
    (fault,) = ended.json["faults"]
    assert ended.code == 1
    assert fault == {
        "file": "playbooks/birthday.yaml", "line": 2, "column": 11, "where": "trigger.aniversary",
        "message": "there is no trigger 'aniversary'", "advice": "did you mean 'anniversary'?",
    }  # fmt: skip


def test_a_broken_playbook_is_exit_4_for_a_run_that_did_the_rest(call: Call, folder: Path) -> None:
    (folder / "playbooks/broken.yaml").write_text("name: x")
    ended = call("run", "--at", AT)
    assert ended.code == 4
    assert "playbooks/broken.yaml:1:1: 'trigger' is missing" in ended.err
    assert len(call("log", "--json", "--status", "done").lines) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("frobnicate", "No such command 'frobnicate'"),
        ("run --att x", "No such option"),
        ("plan --at 9999-12-31T23:59", "'9999-12-31T23:59' is too far away: the years are 1850 to 2200"),
        ("backtest birthday --from 0001-01-01", "'0001-01-01' is too far away: the years are 1850 to 2200"),
        ("run --at tomorrow", "'tomorrow' is no time; write 2026-11-22 or 2026-11-22T09:00"),
        ("run --copy x.db", "--copy goes with --at"),
        ("explain nobody", "there is no contact 'nobody'"),
        ("explain c1 nope", "there is no playbook 'nope'"),
        ("plan --playbook birthdya", "there is no playbook 'birthdya'; did you mean 'birthday'?"),
        ("log --status lost", "there is no status 'lost'; there are done, held,"),
        ("log --contact nobody", "there is no contact 'nobody'"),
        ("kpis --from soon", "'soon' is no day; write 2026-11-22"),
        ("settle --sent --drop x", "say one of --sent, --resend and --drop"),
        ("settle --sent", "name a send, or a playbook with --playbook"),
        ("pause nope", "no playbook 'nope' has run here"),
        ("approve nope", "there is no playbook 'nope'"),
        ("suppress nobody", "'nobody' is no address"),
        ("schema cat", "there is no schema for 'cat'"),
    ],
)
def test_a_wrong_call_is_exit_2_with_advice(call: Call, words: str, told: str) -> None:
    call("sync")
    ended = call(*words.split())
    assert told in ended.err
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize("words", ["approve birthday", "settle x --sent", "go-live --yes"])
def test_what_there_is_nothing_to_decide_about_is_exit_4(call: Call, words: str) -> None:
    call("sync")
    ended = call(*words.split())
    assert (ended.code, "Traceback" in ended.err, bool(ended.err)) == (4, False, True)


def test_a_store_that_cannot_be_reached_is_exit_3_without_a_traceback(call: Call, folder: Path) -> None:
    (folder / "regulars.yaml").write_text(SETTINGS + "store: postgresql://nobody@127.0.0.1:1/nothing\n")
    ended = call("log")
    assert ended.code == 3
    assert ended.err.startswith("the store cannot be reached: ")
    assert "Traceback" not in ended.err


def test_a_folder_of_files_that_is_not_there_is_exit_3_and_the_rest_goes_on(call: Call, folder: Path) -> None:
    call("sync")
    (folder / "data").rename(folder / "away")
    ended = call("run", "--at", AT)
    assert ended.code == 3
    assert "Traceback" not in ended.err
    assert len(list(folder.glob("outbox/**/*.eml"))) == 1


def test_an_earlier_run_says_that_nothing_is_done(call: Call) -> None:
    call("run", "--at", AT)
    for command in ("run", "plan"):
        ended = call(command, "--at", "2026-05-03T09:00")
        assert (ended.code, "nothing is done for an earlier time" in ended.err) == (4, True)


def test_init_writes_a_workspace_that_passes_its_own_check(call: Call, tmp_path: Path) -> None:
    assert call("init", str(tmp_path / "new"), bare=True).code == 0
    assert call("check", "-C", str(tmp_path / "new"), bare=True).code == 0
    again = call("init", str(tmp_path / "new"), bare=True)
    assert (again.code, "already has a regulars.yaml" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "consent"), [((), "required"), (("--consent", "assumed"), "assumed"), (("--consent", "maybe"), None)]
)
def test_init_takes_who_may_get_mail_and_without_anybody_to_ask_only_who_said_yes(
    call: Call, tmp_path: Path, words: tuple[str, ...], consent: str | None
) -> None:
    ended = call("init", str(tmp_path / "new"), *words, bare=True)
    if consent is None:
        assert (ended.code, ended.err.strip()) == (2, "--consent is required or assumed, is 'maybe'")
        assert not (tmp_path / "new").exists()
    else:
        assert f"with consent: {consent}. Next:" in ended.out
        assert load_settings(tmp_path / "new").settings.consent == consent


def test_init_asks_at_a_terminal_who_may_get_mail(tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"assumed\n")
    init = [sys.executable, "-c", "from runner.cli import main; main()", "init", str(tmp_path / "new")]
    told = subprocess.run(init, stdin=terminal, capture_output=True, text=True, check=True, timeout=60)
    assert "Who may get marketing mail?" in told.stdout
    assert load_settings(tmp_path / "new").settings.consent == "assumed"


def test_the_schemas_are_json(call: Call) -> None:
    for of in ("playbook", "settings"):
        assert call("schema", of).json["$schema"].startswith("https://json-schema.org/")


def test_help_lists_the_commands_that_are_there_and_no_others(call: Call) -> None:
    told = call("--help").out
    listed = re.findall(r"^  ([a-z-]+)", told.partition("Commands:")[2], re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)
    for command in COMMANDS:
        assert call(command, "--help").code == 0


def imported_by(words: list[str], *names: str) -> list[str]:
    """Those of the libraries and packages that a process has imported at the end of that command."""
    call = f"import sys\nsys.argv = {['regulars', *words]}\nfrom runner.cli.main import main\n"
    code = f"{call}try: main()\nexcept SystemExit as ended: assert not ended.code\n"
    code += f"print('imported:', *(name for name in {names} if name in sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return told.stdout.splitlines()[-1].split()[1:]


HEAVY = ("alembic", "fastapi", "hubspot", "jinja2", "mjml", "numpy", "scipy", "sendgrid", "urllib3")


def test_help_needs_neither_the_database_nor_a_connector() -> None:
    assert imported_by(["--help"], *HEAVY, "sqlalchemy", "pydantic", "rich", "runner.store", "runner.app") == []


def test_the_log_is_read_without_what_makes_it(folder: Path, sqlite_url: str) -> None:
    making = (
        "runner.app.tick",
        "runner.conditions",
        "runner.deliver",
        "runner.kpis",
        "runner.playbook",
        "runner.render",
    )
    assert imported_by(["-C", str(folder), "log"], *HEAVY, *making) == []


def test_what_is_piped_on_has_no_blanks_at_the_ends_of_its_lines(call: Call) -> None:
    call("run", "--at", AT)
    shown = [*call("log").out.splitlines(), *call("log", "--summary").out.splitlines()]
    assert any("birthday" in line for line in shown)
    assert [line for line in shown if line.endswith(" ")] == []


def test_a_terminal_without_a_letter_shows_the_rest(call: Call, folder: Path) -> None:
    people = folder / "data/contacts.csv"
    people.write_text(people.read_text("utf-8").replace("Cyd", "Ář"), "utf-8")
    call("sync")
    told = subprocess.run(
        [sys.executable, "-c", "from runner.cli import main; main()", "-C", str(folder), "explain", "cyd@x.example"],
        cwd=REPOSITORY, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, b"")
    assert told.stdout.startswith("Á?".encode("latin-1"))


def test_enroll_calls_somebody_in_and_the_next_tick_writes(call: Call, folder: Path) -> None:
    call("run", "--at", "2026-05-10T09:00")
    called = call("enroll", "birthday", "ada@x.example", "--json")
    assert (called.code, called.json["status"], called.json["contact"]["source_id"]) == (0, "entered", "c1")
    call("run", "--at", "2026-05-10T10:00")
    assert len(list(folder.glob("outbox/**/*.eml"))) == 1


def test_enroll_tells_who_does_not_enter_and_needs_a_person(call: Call) -> None:
    call("run", "--at", "2026-05-10T09:00")
    called = call("enroll", "birthday", "c3")
    assert called.code == 4
    assert 'cyd@x.example does not enter: not in the audience: contact.lifecycle_stage == "customer"' in called.out


def test_enroll_before_anything_has_run_says_what_to_do_first(call: Call) -> None:
    call("sync")
    assert call("enroll", "birthday", "c1").code == 4


@pytest.mark.parametrize("words", ["enroll brthday c1", "enroll birthday nobody"])
def test_enroll_of_nobody_or_nothing_is_a_wrong_call(call: Call, words: str) -> None:
    call("run", "--at", "2026-05-10T09:00")
    assert call(*words.split()).code == 2


def test_everything_set_aside_is_in_json_and_the_first_of_it_on_the_screen(call: Call, folder: Path) -> None:
    orders = [f"o{number},c1,2026-01-02,cheap" for number in range(15)]
    (folder / "data/orders.csv").write_text("\n".join(["order_id,contact_id,ordered_at,total", *orders]), "utf-8")
    call("sync")
    told = [finding["message"] for finding in call("doctor", "--json").json["checks"]]
    assert [message.split(":")[1] for message in told if "orders.csv" in message] == [f"{n}" for n in range(2, 17)]
    shown = call("doctor").out
    assert shown.count("total: 'cheap' is not a number") == 10
    assert "and 5 more that were set aside; `regulars doctor --json` has all" in " ".join(shown.split())


def test_a_token_is_shown_once_listed_by_name_and_taken_back(call: Call) -> None:
    added = call("token", "add", "shop", "--scope", "events")
    assert (added.code, added.out[:4]) == (0, "rgl_")
    listed = call("token", "list", "--json")
    assert [one["name"] for one in listed.json] == ["shop"]
    assert added.out.strip() not in listed.out
    assert any(check["name"] == "token shop" for check in call("doctor", "--json").json["checks"])
    assert (call("token", "revoke", "shop").code, call("token", "list", "--json").json) == (0, [])
    refused = call("token", "add", "crm")
    assert (refused.code, refused.err) == (
        2,
        "'crm' is a connector that is asked (csv); take another name for the token\n",
    )


def test_import_ends_with_a_fault_where_a_row_has_one(call: Call, folder: Path) -> None:
    rows = "id,email,score,date\n1,ada@x.example,9,2026-05-04\n2,ada@x.example,12,2026-05-04\n"
    (folder / "export.csv").write_text(rows, encoding="utf-8")
    ended = call("import", "answers", str(folder / "export.csv"))
    assert (ended.code, ended.out) == (1, "export.csv:3:1: score: the score of nps is 0 to 10, is 12\n")
    assert ended.err == "1 answer taken in, 1 row at fault; the next sync reads them\n"
    assert call("sync", "--json").json["tables"]["answers.surveys"]["new"] == 1
