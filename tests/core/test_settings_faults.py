"""Every mistake in `regulars.yaml` at once, with line and advice; what is missing is named, what is secret is not."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from connectors import SOURCES
from runner.app import App
from runner.app.check import check
from runner.app.doctor import Health, examine
from runner.errors import Faults
from runner.settings import Settings, load_settings
from tests.core.world import World

GOOD = """\
public_url: https://hello.acme.example
secret: a secret of some length
sender: {name: Acme, email: hello@acme.example, address: "1 Main St"}
mail: {type: outbox}
"""


def faults(folder: Path, text: str, **environment: str) -> list[str]:
    (folder / "regulars.yaml").write_text(dedent(text), encoding="utf-8")
    with App(folder, environment=environment) as app:
        return [str(fault) for fault in check(app).faults]


def loaded(folder: Path, text: str, **environment: str) -> Settings:
    (folder / "regulars.yaml").write_text(dedent(text), encoding="utf-8")
    return load_settings(folder, environment).settings


def test_the_usual_scale_of_satisfaction_is_not_one_that_an_account_adds(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, GOOD + "kpis: {csat_scales: {1-7: 6, 1-5: 3}}\n")
    assert told.endswith("1-5: is the usual scale, on which 4 and 5 count as satisfied")


def test_every_fault_is_told_at_once_with_line_and_advice(tmp_path: Path) -> None:
    text = """\
        public_url: hello.acme.example
        secret: ${REGULARS_SECRET}
        timezone: Europe/Warshaw
        store: mysql://root:hunter2@db/x
        sender: {name: Acme, email: nonsense}
        mail: {type: sendgird}
        connectors:
          crm: {type: hubspot, tokn: x}
          shop: {path: data}
        caps: {per_day: 0, per_weak: 3}
        quiet_hours: {from: "20:00", to: 25:00}
        kpis: {minimum_n: many}
        consent: maybe
        max_lateness: soon
        curency: EUR
    """
    assert faults(tmp_path, text) == [
        "regulars.yaml:1:13: public_url: must be a web address such as https://hello.acme.example, "
        "is 'hello.acme.example'",
        "regulars.yaml:2:9: secret: the variable REGULARS_SECRET is not set; "
        "set REGULARS_SECRET in the environment or in .env",
        "regulars.yaml:3:11: timezone: must be an IANA time zone, is 'Europe/Warshaw'; did you mean 'Europe/Warsaw'?",
        "regulars.yaml:4:8: store: must be sqlite:///FILE or postgresql://…, is 'mysql://…@db/x'",
        "regulars.yaml:5:1: sender: 'address' is missing; add it",
        "regulars.yaml:5:29: sender.email: must be a mail address, is 'nonsense': "
        "An email address must have an @-sign.",
        "regulars.yaml:6:14: mail.type: there is no 'sendgird'; did you mean 'sendgrid'?",
        "regulars.yaml:8:24: connectors.crm.tokn: there is no key 'tokn' here; did you mean 'token'?",
        f"regulars.yaml:9:3: connectors.shop: 'type' is missing; there are {', '.join(SOURCES)}",
        "regulars.yaml:10:17: caps.per_day: must be at least 1, is 0",
        "regulars.yaml:10:20: caps.per_weak: there is no key 'per_weak' here; did you mean 'per_week'?",
        "regulars.yaml:11:34: quiet_hours.to: must be a time of day in quotes such as \"09:00\", is '25:00'",
        "regulars.yaml:12:19: kpis.minimum_n: must be a whole number, is 'many'",
        "regulars.yaml:13:10: consent: must be 'required' or 'assumed', is 'maybe'",
        "regulars.yaml:14:15: max_lateness: must be a duration such as '3 days' or '4 hours', is 'soon'",
        "regulars.yaml:15:1: curency: there is no key 'curency' here; did you mean 'currency'?",
    ]


def test_no_fault_waits_until_another_is_mended(tmp_path: Path) -> None:
    text = """\
        public_url: http://hello.acme.example
        secret: a secret of some length
        sender: {name: Acme, email: nonsense, address: "1 Main St"}
        mail: {type: sendgrid, api_kee: x}
        orders_from: [shp]
        connectors: {shop: {type: csv, path: ., match: plan}}
        kpis: {minimum_n: many, show: [nsp], targets: {crr: {at_least: 85}, nps: {at_least: 40}}}
        currency: Euro
        reviews: {sites: {google: search.google.com}}
        retention: {mail: 6 hours}
    """
    assert [fault.partition(": ")[2].partition(":")[0] for fault in faults(tmp_path, text)] == [
        *("public_url", "sender.email", "mail", "mail.api_kee", "orders_from[0]"[:-3], "kpis.minimum_n"),
        *("kpis.show[0]", "kpis.targets.crr.at_least", "currency", "reviews.sites.google", "retention.mail"),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("currency: EURO", "is no currency of ISO 4217: 'EURO'; did you mean 'EUR'?"),
        ("reviews: {sites: {google: 'javascript:x'}}", "is no web address: 'javascript:x'"),
        ("kpis: {targets: {crr: {at_least: 85}}}", "is a share and no percentage, is 85; write 0.85 for 85 %"),
        ("connectors: {x: {type: hubspot, token: ${TOKEN}}}", "braces in braces; put the variable in quotes"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, line: str, told: str) -> None:
    assert told in faults(tmp_path, GOOD + line + "\n")[0]


def test_a_match_that_no_field_has_is_a_fault_once_the_fields_are_known(world: World) -> None:
    settings = (world.folder / "regulars.yaml").read_text()
    world.write("regulars.yaml", settings + "connectors: {shop: {type: csv, path: ., match: emial}}\n")
    world.reopen()
    assert world.check().faults == ()
    world.person("ada")
    assert "there is no field 'emial' to match by; did you mean 'email'?" in str(world.check().faults[0])


def test_a_folder_of_csv_files_that_is_not_there_is_a_warning_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "regulars.yaml").write_text(GOOD + "connectors: {shop: {type: csv, path: data}}\n")
    with App(tmp_path, environment={}) as app:
        (warning,) = check(app).warnings
    assert f"there is no folder 'data': a sync would fail; make {tmp_path / 'data'}" in str(warning)


def test_a_store_that_is_away_hides_no_fault(tmp_path: Path) -> None:
    text = GOOD + "store: postgresql://nobody@127.0.0.1:1/nothing\n"
    (tmp_path / "regulars.yaml").write_text(text)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks/a.yaml").write_text("name: A\ntrigger: aniversary\nactions: [wait: 1 day]\n")
    with App(tmp_path, environment={}) as app:
        checked, examined = check(app), examine(app)
    assert [fault.where for fault in checked.faults] == ["trigger"]
    (warning,) = checked.warnings
    assert str(warning).startswith("regulars.yaml:5:8: store: cannot be reached: connection ")
    assert "\n" not in str(warning)
    (store,) = [finding for finding in examined.checks if finding.name == "store"]
    assert (store.status, store.message[:19]) == (Health.FAULT, "cannot be reached: ")


def test_what_is_sound_has_no_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD) == []


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(Faults, match="run `regulars init DIR` or give one with -C DIR"):
        load_settings(tmp_path, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "a: b: c",
        "\t",
        "mail: outbox",
        "connectors: {crm: }",
        "connectors: []",
        "sender: Acme",
        "1: 2",
        "kpis: {targets: {nps: 3}}",
        "mail: {type: [x]}",
    ],
)
def test_nothing_that_is_written_ends_in_a_traceback(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text)


def test_variables_come_from_the_environment_before_the_file_beside(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NAME=from file\nMAIL=hello@acme.example\n")
    text = GOOD.replace("name: Acme", "name: '${NAME}'").replace("hello@acme.example", "'${MAIL}'")
    assert loaded(tmp_path, text, NAME="from environment").sender.name == "from environment"
    assert loaded(tmp_path, text).sender.name == "from file"
    assert loaded(tmp_path, text).sender.email == "hello@acme.example"


def test_a_secret_is_never_printed(tmp_path: Path) -> None:
    settings = loaded(tmp_path, GOOD.replace("a secret of some length", "${KEY}"), KEY="hunter2hunter2")
    assert "hunter2" not in repr(settings)
    assert settings.secrets == ("hunter2hunter2",)
    told = faults(tmp_path, GOOD.replace("a secret of some length", "{a: ${KEY}}"), KEY="hunter2hunter2")
    assert told
    assert "hunter2" not in "".join(told)


def test_of_several_secrets_the_first_signs(tmp_path: Path) -> None:
    assert loaded(tmp_path, GOOD.replace("a secret of some length", "[newer than that, older than this]")).secrets == (
        "newer than that",
        "older than this",
    )


@pytest.mark.parametrize("secret", ["''", "[]", "short", "['', a secret of some length]", "['', x]"])
def test_a_secret_that_signs_nothing_or_is_soon_guessed_is_a_fault(tmp_path: Path, secret: str) -> None:
    told = faults(tmp_path, GOOD.replace("a secret of some length", secret))
    assert told
    assert all(fault.startswith("regulars.yaml:2:") and ": secret" in fault for fault in told)


def test_quiet_hours_that_are_none_are_a_fault(tmp_path: Path) -> None:
    text = GOOD + "quiet_hours: {from: '08:00', to: '08:00'}\n"
    assert faults(tmp_path, text) == [
        "regulars.yaml:5:14: quiet_hours: begin and end at 08:00; leave quiet_hours out for none"
    ]


def test_real_mail_needs_https(tmp_path: Path) -> None:
    text = GOOD.replace("https://hello", "http://hello")
    assert faults(tmp_path, text) == []
    (told,) = faults(tmp_path, text.replace("{type: outbox}", "{type: sendgrid, api_key: x}"))
    assert told.startswith("regulars.yaml:1:13: public_url: is not https; ")


@pytest.mark.parametrize(
    ("mail", "fault"),
    [
        ("{main: {type: smtp, host: a.example}, spare: 3}", "mail.spare: is no mailer; a mailer has a type"),
        (
            "{main: {type: smtp, host: a.example}, spare: {type: outbox}}",
            "mail.spare: is an outbox among named mailers",
        ),
        ("{Main: {type: smtp, host: a.example}}", "mail.Main: cannot be a mailer's name: 'Main'"),
        ("{main: {type: smtp, host: a.example, only_to: x}}", "mail.main.only_to: must be a list of addresses"),
        ("{main: {type: smtp, host: a.example}, spare: {type: stmp}}", "mail.spare.type: there is no 'stmp'"),
    ],
)
def test_a_named_mailer_that_cannot_be_meant_is_a_fault(tmp_path: Path, mail: str, fault: str) -> None:
    (told, *_) = faults(tmp_path, GOOD.replace("{type: outbox}", mail))
    assert fault in told


KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    ("hook", "fault"),
    [
        ("http://crm.example/in",
         ": is not https; http is for this machine and its own network, with allow_private: true"),
        ("{url: 'https://crm.example/', secret: hunter22}",
         ".secret: must be whsec_ and 24 to 64 random bytes in base64"),
        ("{url: 'https://crm.example/', secrte: x}", ".secrte: there is no key 'secrte' here; did you mean 'secret'?"),
        ("{url: crm.example}",
         ".url: must be a web address such as https://acme.example/in, without a password, is 'crm.example'"),
        ("{url: 'https://kim:hunter22@crm.example/'}",
         ".url: must be a web address such as https://acme.example/in, without a password, is 'https://…@crm.example/'"),
        ("{url: 'https://crm.example/', style: slcak}",
         ".style: must be 'standard' or 'slack', is 'slcak'; did you mean 'slack'?"),
        ("{secret: whsec_x}", ": 'url' is missing; add it"),
    ],
)  # fmt: skip
def test_a_webhook_that_cannot_be_meant_is_a_fault_and_no_secret_is_told(tmp_path: Path, hook: str, fault: str) -> None:
    told = faults(tmp_path, f"{GOOD}webhooks: {{crm: {hook}}}\n")
    assert f"webhooks.crm{fault}" in [words.partition(" ")[2] for words in told]
    assert "hunter22" not in "".join(told)


@pytest.mark.parametrize(
    ("hook", "warned"),
    [
        ("https://crm.example/in", True),
        (f"{{url: 'https://crm.example/in', secret: {KEY}}}", False),
        (f"{{url: 'http://127.0.0.1:9/', allow_private: true, secret: [{KEY}, {KEY}]}}", False),
        ("{url: 'https://chat.example/T0', style: slack}", False),
    ],
)
def test_a_webhook_without_a_secret_is_warned_of(tmp_path: Path, hook: str, warned: bool) -> None:
    (tmp_path / "regulars.yaml").write_text(f"{GOOD}webhooks: {{crm: {hook}}}\n")
    with App(tmp_path, environment={}) as app:
        told = [str(warning) for warning in check(app).warnings]
    assert [": webhooks.crm: has no secret: its receiver cannot tell" in words for words in told] == [True] * warned
    assert KEY not in str(load_settings(tmp_path, {}).settings)
