"""Each output of a template can be recorded: a key is printed in its place and the value kept aside.

People whose texts differ in values alone share one skeleton so.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from jinja2 import Undefined
from jinja2.runtime import Context
from markupsafe import Markup, escape

#: The name under which a render's recorder stands in its context.
RECORDER = "_recorder"


class KeyTaken(Exception):
    """Somebody's text contains the key itself; the batch is rendered again with another one."""


class Keys(dict[int, str]):
    """The keys of a batch, `-r<nonce>.<number>-`, made once and shared by its people."""

    def __init__(self, nonce: str) -> None:
        super().__init__()
        self.nonce = nonce
        #: Texts for which a key may stand where HTML is escaped: most are met again, in this letter or the next.
        self.plain: set[str] = set()

    def __missing__(self, number: int) -> str:
        key = self[number] = f"-r{self.nonce}.{number}-"
        return key


class Recorder:
    """What one person's render put out, by the number of the key that was printed instead."""

    __slots__ = ("exact", "keys", "plain_text", "values")

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.values: list[str] = []
        #: Whether a text part is rendered, in which nothing is escaped.
        self.plain_text = False
        #: False once something was met that keys cannot stand for, such as a filter over a whole inherited block.
        self.exact = True

    def record(self, value: Any, autoescape: bool) -> str:
        """What is printed for a value: a key, or itself where another in its place could change what surrounds it."""
        text = value if type(value) is str and value.isprintable() else shown(value)
        if not self.exact:  # the letter is rendered again without keys
            return printed(text, autoescape)
        if not self.takes(text, autoescape):
            return printed(text, autoescape)
        self.values.append(str(text))
        return self.keys[len(self.values) - 1]

    def takes(self, text: str, autoescape: bool) -> bool:
        """Whether a key may stand for it. Raises KeyTaken."""
        if self.keys.nonce in text:
            raise KeyTaken
        # White space must be kept as it is: visible signs with single spaces between them.
        if not text or not text.isprintable() or text[0] == " " or text[-1] == " " or "  " in text:
            return False
        escaped = autoescape and not isinstance(text, Markup)
        # A key stands for what HTML escapes, or in a text part for what nobody does.
        return escaped != self.plain_text or not any(sign in text for sign in "<>&\"'")


class Outline(Recorder):
    """The same without what is printed: the way that a render takes, by which its text is known."""

    __slots__ = ("way",)

    def __init__(self, keys: Keys) -> None:
        super().__init__(keys)
        #: The pieces that were passed; and what is printed as it is, with the number of values before it.
        self.way: list[int | tuple[int, str]] = []

    def note(self, value: Any, autoescape: bool) -> None:
        """A key would be printed here, or the value itself."""
        text = str(value) if type(value) is int else value
        in_html = autoescape and not self.plain_text and type(text) is str
        if in_html and text in self.keys.plain:
            self.values.append(text)
            return
        text = shown(text)
        if not self.takes(text, autoescape):
            self.prints(text, autoescape)
            return
        self.values.append(str(text))
        if in_html:
            self.keys.plain.add(text)

    def prints(self, value: Any, autoescape: bool) -> None:
        """It is printed as it is. Raises KeyTaken."""
        text = str(printed(value, autoescape))
        if self.keys.nonce in text:
            raise KeyTaken
        self.way.append((len(self.values), text))


def shown(value: Any) -> Any:
    """How a value is printed: nothing when missing, whole numbers without `.0`, no control characters."""
    if isinstance(value, str):
        return value if value.isprintable() else _without_control(value)
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if hasattr(value, "__html__") and not isinstance(value, Undefined):
        return shown(Markup(value))
    return shown(str(value))


def _without_control(text: str) -> str:
    kept = "".join(sign for sign in text if sign in "\t\n\r" or unicodedata.category(sign) not in _UNSHOWN)
    return Markup(kept) if isinstance(text, Markup) else kept


#: Control characters, halves of signs, and code points that are no characters.
_UNSHOWN = ("Cc", "Cs", "Cn", "Co")


def printed(value: Any, autoescape: bool) -> str:
    """A value as a plain render prints it."""
    text = shown(value)
    return escape(text) if autoescape else str(text)


def recording(context: Context) -> Callable[[Any, bool], str]:
    """How this render prints its values: with a recorder by keys. What it begins with, no template can set."""
    recorder: Recorder | None = context.parent.get(RECORDER)
    return printed if recorder is None else recorder.record


def outlining(context: Context) -> tuple[Callable[..., object], Callable[[int], object], Callable[..., object]]:
    """How an outline notes a value, a piece that it passes, and what is printed as it is."""
    outline: Outline | None = context.parent.get(RECORDER)
    return _NOWHERE if outline is None else (outline.note, outline.way.append, outline.prints)


def _unnoted(*_: object) -> None:
    """What is imported without its context has no letter to be noted for."""


_NOWHERE = (_unnoted, _unnoted, _unnoted)
