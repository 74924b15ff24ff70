"""Every page: its links lead somewhere, its YAML is valid, its words are ours, and its outputs are real."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ruamel.yaml import YAML

from runner.app import App
from runner.app.check import check
from runner.app.connections import faults_of
from runner.conditions.fields import known_fields
from runner.playbook import PlaybookKeys, read_playbook
from runner.settings import Settings, load_settings
from tests.conftest import REPOSITORY
from tools.real_shop import make_workspace

DOCS = REPOSITORY / "docs"
PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
SHIPPED = [path for name in ("examples", "playbooks", "templates") for path in (REPOSITORY / name).rglob("*.*")]
#: The first try of the tutorial, whose mistakes `check` names there.
MEANT_TO_BE_WRONG = "send_mail"


def named(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def prose(text: str) -> str:
    """Without code, comments and addresses."""
    return re.sub(r"```.*?```|`[^`]*`|<!--.*?-->|\]\([^)]*\)|https?://\S+", " ", text, flags=re.DOTALL)


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_to_files_and_headings_that_are_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        target, _, anchor = "".join(link).partition("#")
        if re.match(r"\w+:", target):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings)


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    orphans = [named(path) for path in DOCS.rglob("*.md") if f"({path.relative_to(DOCS).as_posix()})" not in index]
    assert orphans == ["docs/index.md"]


@pytest.mark.parametrize("path", [*PAGES, *SHIPPED], ids=named)
def test_no_path_of_a_machine_is_named(path: Path) -> None:
    assert not re.search(r"/(work|root|home|Users|tmp)/", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_only_the_glossary_s_words_are_used(path: Path) -> None:
    banned = r"\b(campaigns?|journeys?|flows?|workflows?|handlers?|helpers?|utils)\b"
    assert re.findall(banned, prose(path.read_text(encoding="utf-8")), re.IGNORECASE) == []


def test_the_glossary_has_every_word_of_the_store() -> None:
    words = set(re.findall(r"^\| \*\*(\w+)\*\*", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {
        "Contact",
        "Playbook",
        "Trigger",
        "Occasion",
        "Enrollment",
        "Send",
        "Holdout",
        "Tick",
        "Suppression",
    } <= words


# --- YAML on the pages

PLAYBOOK = {"name": "name: A", "trigger": "trigger: onboarding", "actions": "actions: [{wait: 1 day}]"}
SETTINGS = {
    "public_url": "public_url: https://hello.acme.example",
    "secret": "secret: only for tests",
    "sender": 'sender: {name: Acme, email: hello@acme.example, address: "1 Main St"}',
    "mail": "mail: {type: outbox}",
}


#: A secret that signs webhooks, for variables named so.
HOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def snippets() -> Iterator[Any]:
    for path in PAGES:
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL), 1):
            if MEANT_TO_BE_WRONG not in text:
                yield pytest.param(text, id=f"{named(path)}:{number}")


@pytest.mark.parametrize("text", [*snippets()])
def test_the_yaml_on_the_pages_is_valid(text: str, tmp_path: Path) -> None:
    keys = YAML(typ="safe").load(text).keys()
    if keys & (PlaybookKeys.model_fields.keys() - Settings.model_fields.keys()):
        (tmp_path / "a.yaml").write_text(whole(text, keys, PLAYBOOK), encoding="utf-8")
        reading = read_playbook(tmp_path / "a.yaml", "a.yaml", known_fields(None))
        assert reading.faults == ()
    else:
        (tmp_path / "regulars.yaml").write_text(whole(text, keys, SETTINGS), encoding="utf-8")
        variables = re.findall(r"\$\{(\w+)\}", text)
        told = load_settings(
            tmp_path, {name: a_key() if "HOOK_SECRET" not in name else HOOK_SECRET for name in variables}
        )
        assert (faults_of(told)[0], told.warnings) == ([], ())


def whole(text: str, keys: object, rest: dict[str, str]) -> str:
    """The snippet with what a whole file must have besides."""
    return "\n".join([*(line for key, line in rest.items() if key not in keys), text])  # type: ignore[operator]


def a_key() -> str:
    """Something that will do for every secret, also where it must be a key to verify with."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


# --- what was said to be so


def test_what_the_readme_shows_of_the_terminal_is_what_the_tutorial_lived_through() -> None:
    lived = (DOCS / "first_playbook.md").read_text(encoding="utf-8").splitlines()
    shown = re.findall(r"```console\n(.*?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert [line for block in shown for line in block.splitlines() if line and line not in lived] == []


def test_the_changelog_names_the_version() -> None:
    version = re.search(r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f"\n## {version[1]}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_example_for_a_real_shop_is_without_fault(tmp_path: Path) -> None:
    make_workspace(tmp_path / "shop", tmp_path)
    with App(tmp_path / "shop") as app:
        checked = check(app)
    assert (checked.faults, checked.warnings, len(checked.readings)) == ((), (), 5)


def test_the_repository_is_a_workspace_without_fault() -> None:
    with App(REPOSITORY) as app:
        checked = check(app)
    assert checked.faults == ()
    # `make demo` makes the folder of the sample company.
    assert all("renewal_date" in warning.message or "demo/data" in warning.message for warning in checked.warnings)
