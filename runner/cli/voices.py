"""The command that shows what people answered, in their own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import AsJson, Folder, console, day, print_json, workspace

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from runner.app.voices import Heard, Voice


def answers(
    contact: Annotated[
        str | None, typer.Argument(metavar="[CONTACT]", help="All of one person's: source id, our id or address.")
    ] = None,
    folder: Folder = None,
    survey: Annotated[
        str | None, typer.Option(help="Only nps, csat, ces, exit, or a survey of your own.", metavar="NAME")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="The period's first day.", metavar="DAY")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The first day after it.", metavar="DAY")] = None,
    limit: Annotated[int | None, typer.Option(help="The newest, so many.", min=1)] = None,
    word: Annotated[
        str | None,
        typer.Option(help="Only answers with a word or pair that returns, as it is listed.", metavar="WORDS"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what people answered, word for word, beside the figures. Over the last 90 days unless told otherwise."""
    from runner.app.voices import heard

    start, end = (day(text) if text else None for text in (first, last))
    with workspace(folder) as app:
        found = heard(app, contact=contact, survey=survey, first=start, last=end, limit=limit)
        found = found.having(word) if word is not None else found
        if as_json:
            print_json(found.document())
            return
        for part in _shown(found, app.settings.timezone):
            console().print(part)


COMMANDS: Mapping[str, Callable[..., None]] = {"answers": answers}


def _shown(found: Heard, zone: str) -> Iterator[RenderableType]:
    """The figures, the answers, and how many of them have words: a few voices are no majority."""
    from rich.text import Text

    from runner import clock
    from runner.cli.sheets import blank_table, plain
    from runner.cli.tables import kpi_table

    if found.figures:
        yield kpi_table(found.figures, zone=zone)
        yield Text()
    if not found.voices:
        yield Text("Nobody has answered.")
        return
    table = blank_table()
    table.add_column("When", width=16, no_wrap=True)
    table.add_column("Contact", ratio=3, overflow="fold")
    table.add_column("Survey", ratio=2, overflow="fold")
    table.add_column("Answer", ratio=2, overflow="fold")
    table.add_column("In their words", ratio=6, overflow="fold")
    for voice in found.voices:
        who = plain(str(voice.contact["email"] or voice.contact["source_id"]))
        when = f"{clock.local(voice.at, zone):%Y-%m-%d %H:%M}"
        table.add_row(when, who, plain(voice.survey), _answer(voice), plain(_words(voice)))
    table.caption, table.caption_style, table.caption_justify = _counted(found), "dim", "left"
    yield table
    if found.keywords:
        yield Text()
        yield _words_table(found)


def _words_table(found: Heard) -> RenderableType:
    """What comes up in several answers: how often, and by how many it could."""
    from runner.cli.sheets import blank_table, plain

    table = blank_table()
    table.add_column("Words that return", overflow="fold")
    table.add_column("Answers", justify="right", no_wrap=True)
    for keyword in found.keywords:
        table.add_row(plain(keyword.words), f"{keyword.n} of {found.worded:,}")
    table.caption, table.caption_style, table.caption_justify = "Read them with --word", "dim", "left"
    return table


def _answer(voice: Voice) -> Text:
    """`3, was 9`, the reason, or nothing but words."""
    from rich.text import Text

    if voice.score is None:
        return Text(voice.reason or "–")
    text = Text(f"{voice.score:g}")
    return text.append(f", was {voice.before:g}", "dim") if voice.before is not None else text


def _words(voice: Voice) -> str:
    own = [f"{name}: {_said(value)}" for name, value in voice.details.items() if value != voice.score]
    return " · ".join(filter(None, (voice.comment, *own)))


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _counted(found: Heard) -> str:
    """`12 answers, 5 with words. Reasons: price 3, service 1`"""
    voices, worded = found.voices, found.worded
    answers = "1 answer" if len(voices) == 1 else f"{len(voices):,} answers"
    reasons = Counter(voice.reason for voice in voices if voice.reason)
    told = f" Reasons: {', '.join(f'{reason} {count}' for reason, count in reasons.most_common())}." if reasons else ""
    return f"{answers}, {worded:,} with words.{told}"
