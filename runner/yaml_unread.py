"""Why a YAML file cannot be read: where what kept its parser from it stands, what it is in our words, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, MappingStartEvent, NodeEvent, ScalarEvent, SequenceStartEvent
from ruamel.yaml.reader import ReaderError

from runner.errors import Fault

#: Parts within parts that a file may have; Python ends at some depth.
DEEPEST = 60
#: Signs that can only be half of a letter.
_HALF = re.compile(r"[\ud800-\udfff]")
#: Where a tag may begin: `!secret`, and not the `!=` of a condition.
_MAY_BE_TAGGED = re.compile(r"(?m)(^|[\s\[\]{},:-])!(?!=)")


def no_text(name: str, error: UnicodeDecodeError) -> Fault:
    """A file that is no UTF-8."""
    before = error.object[: error.start].decode("utf-8", "replace").split("\n")
    byte = error.object[error.start]
    return Fault(name, len(before), len(before[-1]) + 1, "", f"the byte 0x{byte:02x} is no UTF-8", "save it as UTF-8")


def not_for_us(name: str, text: str) -> Fault | None:
    """What YAML has and our files may not: aliases, tags, half letters, parts within parts without end."""
    deep = text.count("[") + text.count("{") > DEEPEST or re.search(rf"(?m)^ {{{DEEPEST},}}\S", text)
    if not (deep or "*" in text or "\\u" in text.lower() or _MAY_BE_TAGGED.search(text)):
        return None
    try:
        return next(_strange(name, text), None)
    except YAMLError:  # which is told of when the file is read
        return None


def _strange(name: str, text: str) -> Iterator[Fault]:
    depth = 0
    for event in YAML(typ="rt").parse(text):
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        depth += (event.__class__.__name__.endswith("StartEvent")) - (event.__class__.__name__.endswith("EndEvent"))
        match event:
            case AliasEvent():
                yield Fault(name, line, 1, "", "aliases (*name) are not allowed", "write the part out where it is used")
            case NodeEvent() if (tag := str(getattr(event, "tag", None) or "")) and _is_written(event, text):
                yield Fault(name, line, column, "", f"tags are not allowed: {_named(tag)}", "write the value alone")
            case ScalarEvent(value=str(value)) if _HALF.search(value):
                yield Fault(
                    name, line, column, "", "has half of a letter", "write the letter or emoji itself, not \\u…"
                )
            case MappingStartEvent() | SequenceStartEvent() if depth > DEEPEST:
                yield Fault(name, line, column, "", "is nested too deeply", f"at most {DEEPEST} parts within parts")


def _is_written(event: Any, text: str) -> bool:
    """Whether the file has the tag; the parser gives one to each text in quotes."""
    return text[event.start_mark.index : event.start_mark.index + 1] == "!"


def _named(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def in_words(name: str, error: YAMLError, text: str) -> Fault:
    """What the parser could not go on at."""
    if isinstance(error, ReaderError):
        before = text[: error.position].splitlines(keepends=True) or [""]
        new_line = before[-1].endswith("\n")
        line, column = len(before) + new_line, 1 if new_line else len(before[-1]) + 1
        return Fault(name, line, column, "", f"has a sign that no text can hold: {_code(error)}", "delete it")
    if not isinstance(error, MarkedYAMLError):
        return Fault(name, 1, 1, "", str(error).splitlines()[0])
    if (opened := _not_closed(error, text)) is not None:
        return Fault(name, *opened)
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Fault(name, line, column, "", *_of_the_line(str(error.problem or error), text, line))


def _code(error: ReaderError) -> str:
    character = error.character
    return f"U+{ord(character) if isinstance(character, str) else character:04X}"


def no_day(text: str) -> tuple[int, int, str]:
    """Where a day or time stands that no calendar has, such as 2026-02-30, and how it is written."""
    for event in YAML(typ="rt").parse(text):
        if isinstance(event, ScalarEvent) and event.style is None and re.match(r"\d{4}-\d", event.value):
            try:
                YAML(typ="safe").load(event.value)
            except ValueError:
                return event.start_mark.line + 1, event.start_mark.column + 1, event.value
    return 1, 1, "that is written here"


def _not_closed(error: MarkedYAMLError, text: str) -> tuple[int, int, str, str, str] | None:
    """Where a bracket or quote was opened that is not closed, and what to say of it."""
    opened, found = error.context_mark, error.problem_mark
    if opened is None or found is None:
        return None
    lines = text.splitlines()
    sign = lines[opened.line][opened.column : opened.column + 1] if opened.line < len(lines) else ""
    place = (opened.line + 1, opened.column + 1, "")
    if str(error.context).startswith("while scanning a quoted") and "end of stream" in str(error.problem):
        return *place, f"the quote {sign} is not closed", f"close it with {sign}"
    closing = {"[": "]", "{": "}"}.get(sign)
    if closing is None or found.line == opened.line or not str(error.context).startswith("while parsing a flow"):
        return None
    within = "\n".join(lines[opened.line : found.line + 1])[opened.column :]
    return None if closing in within else (*place, f"the bracket {sign} is not closed", f"close it with {closing}")


def _of_the_line(problem: str, text: str, line: int) -> tuple[str, str]:
    written = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    if "mapping values are not allowed" in problem or "but got ':'" in problem:
        return "a colon in an unquoted text", 'put the text in quotes: subject: "Hello: world"'
    if "{{" in written and (
        "flow mapping" in problem or "block end" in problem or "comment or a line break" in problem
    ):
        return "braces at the start of a text", 'put the text in quotes: "{{ contact.first_name }}"'
    if "${" in written:
        return "braces in braces", 'put the variable in quotes: {api_key: "${NAME}"}'
    if "\\t" in problem or "\t" in written:
        return "a tab", "indent with spaces"
    if (twice := re.match(r'found duplicate key "(.*?)" with value', problem)) is not None:
        return f"the key {twice[1]!r} stands here for the second time", "keep one of them"
    if (sign := re.match(r"found character '(.)' that cannot start", problem)) is not None:
        return f"a text cannot begin with {sign[1]}", f'put it in quotes: "{sign[1]}…"'
    if (escaped := re.match(r"found unknown escape character '(.)'", problem)) is not None:
        return f"\\{escaped[1]} in double quotes means nothing", "use single quotes, or \\\\ for a backslash"
    if "another document" in problem:
        return "a second document begins here", "one file, one document: leave out the line ---"
    if "block end" in problem:
        return "is indented otherwise than what it belongs to", "keys and dashes of one part begin in one column"
    return problem.splitlines()[0], ""
