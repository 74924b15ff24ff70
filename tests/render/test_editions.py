"""A mail speaks its reader's language: which file serves whom, what stands around its words, and where a mistake is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.render import Templates
from runner.render.languages import shipped
from tests.render.given import EVENT, LINKS, REPOSITORY, SENDER, mailings, mjml, person, received, shared, written

STARTERS = Templates(REPOSITORY / "templates", LINKS, SENDER)
#: The mails of all starters.
TOLD = {name.removeprefix("email/") for name in STARTERS.names()}


def told(tmp_path: Path, usual: str = "en") -> Templates:
    """A mail with a German version in its folder, and a Polish one by its name."""
    written(tmp_path, a_mjml=mjml(text="Hello"), a_pl_mjml=mjml(text="Witaj"))
    (tmp_path / "templates/email/de").mkdir(exist_ok=True)
    (tmp_path / "templates/email/de/a.mjml").write_text(mjml(text="Hallo"))
    return Templates(tmp_path / "templates", LINKS, SENDER, usual)


@pytest.mark.parametrize(
    ("usual", "reads", "words"),
    [
        ("en", "de-AT", "Hallo"), ("en", "PL_pl", "Witaj"), ("en", "fr", "Hello"), ("en", None, "Hello"),
        ("de", "fr", "Hallo"), ("de", None, "Hallo"), ("de", "en-GB", "Hello"), ("fr", "ja", "Hello"),
    ],
)  # fmt: skip
def test_a_reader_gets_their_own_language_else_the_accounts(
    tmp_path: Path, usual: str, reads: str | None, words: str
) -> None:
    assert words in told(tmp_path, usual).preview("email/a", "x", person(language=reads))[1]
    assert told(tmp_path, usual).names() == ["email/a"]


def test_a_subject_in_several_languages_makes_one_group_a_language(tmp_path: Path) -> None:
    people = [person(number, language=("de", "de-CH", "pl", "fr", None)[number % 5]) for number in range(20)]
    subject = {"en": "Hi {{ contact.id }}", "de": "Hallo {{ contact.id }}"}
    rendered = told(tmp_path).mailings("email/a", subject, {"de": "kurz"}, people, max_keys=None, max_bytes=None)
    assert sorted(len(group.letters) for group in rendered.groups) == [4, 8, 8]
    assert [received(rendered)[f"send-{number}"][0] for number in (1, 2, 3)] == ["Hallo 1", "Hi 2", "Hi 3"]


def test_days_amounts_and_the_pages_words_are_written_as_the_reader_does(tmp_path: Path) -> None:
    text = "{{ contact.renewal_date|date }}; {{ contact.revenue|money }}; {{ say('letter.unsubscribe') }}; {{ lang }}"
    written(tmp_path, a_mjml=mjml(text=text), a_de_mjml=mjml(text=text), a_pt_mjml=mjml(text=text))
    templates = Templates(tmp_path / "templates", LINKS, SENDER)
    (tmp_path / "templates/pages").mkdir()
    entry = 'msgctxt "letter.unsubscribe"\nmsgid "Unsubscribe"\nmsgstr "Ab damit"\n'
    (tmp_path / "templates/pages/de.po").write_text(entry)
    texts = [Templates.preview(templates, "email/a", "x", person(language=reads))[2] for reads in ("en", "de", "pt")]
    assert texts == [
        "22 December 2026; €1,234.50; Unsubscribe; en\n",
        "22. Dezember 2026; 1.234,50 €; Ab damit; de\n",
        "22 de dezembro de 2026; € 1.234,50; Unsubscribe; pt\n",
    ]


def test_what_all_readers_of_a_file_share_needs_no_key(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="{{ say('letter.why') }} {{ lang }} {{ contact.id }}"))
    rendered = mailings(templates, [person(1), person(2)])
    assert [set(own.values()) for _, own in shared(rendered).letters] == [{"1"}, {"2"}]
    assert "customer of Acme &amp; Sons. en" in shared(rendered).html


def test_a_mistake_in_one_language_is_told_where_it_stands(tmp_path: Path) -> None:
    subject = {"en": "Hi", "de": "{{ contact.vorname }}", "fr": "{{ 1 / 0 }}"}
    faults = told(tmp_path).check("email/a", subject, {"contact": ["first_name"]}, {"contact": {"id": 1}})
    assert [(fault.where, fault.message.split(";")[0]) for fault in faults] == [
        ("subject.de", "contact has no 'vorname'"),
        ("subject.fr", "divides by zero"),
    ]


@pytest.mark.parametrize("language", shipped())
def test_every_starter_speaks_the_languages_of_the_pages(language: str) -> None:
    assert {path.stem for path in (REPOSITORY / f"templates/email/{language}").glob("*.mjml")} == TOLD
    for name in sorted(TOLD):
        own, english = (STARTERS.preview(f"email/{name}", "x", person(language=reads)) for reads in (language, "en"))
        assert f'lang="{ {"zh": "zh-Hans"}.get(language, language) }"' in own[1]
        # The same links in the same order, and none of the English around them.
        assert _links(own[1]) == _links(english[1])
        lines = {line for line in english[2].splitlines() if len(line.split()) > 3 and "://" not in line}
        assert lines & set(own[2].splitlines()) <= {"Acme & Sons, 1 Main St, Springfield"}, name


def _links(html: str) -> list[str]:
    return [link.partition("?subject=")[0] for link in re.findall(r'href="([^"]+)"', html)]


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        ("en", "1 point to use", "1 of your points expires on"),
        ("de", "Einzulösen: 1 Punkt", "1 Ihrer Punkte verfällt am"),
        ("es", "1 punto por usar", "1 de sus puntos caduca el"),
        ("fr", "1 point à utiliser", "1 de vos points expire le"),
        ("pl", "Punkty do wykorzystania: 1", "Punkty, które wygasną 1 grudnia 2026: 1"),
    ],
)
def test_a_single_point_is_told_as_one(language: str, title: str, words: str) -> None:
    somebody = person(language=language)
    reader = somebody._replace(context={**somebody.context, "event": {**EVENT, "points": 1.0}})
    text = STARTERS.preview("email/points_expiring", "x", reader)[2]
    assert title in text.splitlines()
    assert words in text


def test_chinese_is_written_with_its_own_marks() -> None:
    told = [*REPOSITORY.glob("runner/render/languages/zh/*.po"), *REPOSITORY.glob("templates/email/zh/*.mjml")]
    told += REPOSITORY.glob("playbooks/*.yaml")
    narrow = {path.name: re.findall(r"[\u4e00-\u9fff][,:;?!]", path.read_text()) for path in told}
    assert {name: found for name, found in narrow.items() if found} == {}
