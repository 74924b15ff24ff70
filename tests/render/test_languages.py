"""Pages speak the reader's language: whole, with the same blanks to fill in, and a workspace may say it otherwise."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from string import Formatter

import pytest

from runner.render.languages import SHIPPED, Languages, mistakes, read, shipped
from runner.render.page_words import WORDS

#: Languages that came later.
OTHERS = sorted({*shipped()} - {"de", "es", "fr", "lt", "pl", "ru", "zh"})


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def languages(folder: Path, usual: str = "en") -> Languages:
    return Languages(folder, usual, company="Acme", mail="hello@acme.example")


@pytest.mark.parametrize("language", ["de", "es", "fr", "lt", "pl", "ru", "zh", *OTHERS])
def test_a_language_says_everything_with_the_same_blanks(language: str) -> None:
    said = {
        message.context: message
        for path in (SHIPPED / language).glob("*.po")
        for message in read(path)
        if message.id and not message.fuzzy
    }
    assert {key: english if isinstance(english, str) else list(english) for key, english in WORDS.items()} == {
        key: message.id if isinstance(message.id, str) else list(message.id) for key, message in said.items()
    }, "python tools/write_languages.py, and translate what it prints"
    for key, message in said.items():
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(forms), key
        whole = blanks("".join([message.id] if isinstance(message.id, str) else message.id))
        # The form of exactly one may do without its number.
        assert all(blanks(form) in (whole, whole - {"count"}) for form in forms), key


def test_the_contacts_language_comes_before_the_browsers_and_that_before_the_workspaces(tmp_path: Path) -> None:
    known = languages(tmp_path, "lt")
    assert known.words(["de-AT", "fr"]).tag == "de"
    assert known.words([None, "pt-BR", "PL_pl"]).tag == "pl"
    assert known.words([None, "tlh"]).tag == "lt"
    assert known.words(["zh-CN"]).tag == "zh-Hans"


def test_plurals_numbers_and_days_are_those_of_the_language(tmp_path: Path) -> None:
    russian, polish = languages(tmp_path).words(["ru"]), languages(tmp_path).words(["pl"])
    assert [russian("survey.choose.most", count=n).split()[-1] for n in (1, 2, 5, 21)] == [
        "варианта.", "вариантов.", "вариантов.", "варианта.",
    ]  # fmt: skip
    assert polish("thanks.until", day=date(2027, 11, 3)) == "Można ją zmienić do 3 listopada 2027."
    assert "5\u00a0000" in polish("survey.fault.long", longest=5000, length=5001)


def test_a_workspace_says_it_otherwise_or_in_a_language_of_its_own(tmp_path: Path) -> None:
    entry = 'msgctxt "survey.send"\nmsgid "Send my answer"\nmsgstr "{}"\n'
    (tmp_path / "de.po").write_text(entry.format("Ab damit"), encoding="utf-8")
    (tmp_path / "nl.po").write_text(entry.format("Verstuur"), encoding="utf-8")
    known = languages(tmp_path)
    assert [known.words([tag])("survey.send") for tag in ("de", "nl", "fr")] == [
        "Ab damit", "Verstuur", "Envoyer ma réponse",
    ]  # fmt: skip
    assert known.words(["de"])("survey.optional") == "freiwillig"
    assert known.words(["nl"])("survey.optional") == "optional"


def test_mistakes_in_a_workspaces_own_words_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "de.po"
    path.write_text(
        'msgctxt "survey.sent"\nmsgid "x"\nmsgstr "y"\n\n'
        'msgctxt "survey.send"\nmsgid "Send my answer"\nmsgstr "Los, {name}"\n',
        encoding="utf-8",
    )
    told = [(line, words) for line, words, _ in mistakes(path)]
    assert told == [(2, "there are no words for 'survey.sent'"), (6, "there is no {name} in 'survey.send'")]
