"""From a rendered template to what a mail client gets: MJML made tables, styles inlined, a text part made."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from css_inline import CSSInliner
from mjml import mjml2html

if TYPE_CHECKING:
    from inscriptis.model.html_document_state import HtmlDocumentState

#: Attributes that travel through untouched whatever they say; others decide about widths, styles or structure.
_UNTOUCHED = {"alt", "aria-label", "href", "src", "title"}

_COMMENT = r"<!--.*?-->"
_VERBATIM = r"<(?P<verbatim>style|script|mj-style|textarea|noscript|xmp)\b.*?</(?P=verbatim)\s*>"
_TAG = r"""</?[A-Za-z](?:"[^"]*"|'[^']*'|[^'">])*>"""
#: Everything in an HTML or MJML source that is not running text.
_NOT_TEXT = re.compile(f"(?P<opaque>{_COMMENT}|{_VERBATIM})|(?P<tag>{_TAG})", re.DOTALL | re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([^\s=>"'/]+)\s*=\s*("[^"]*"|'[^']*')""")
#: What MRML would not print in an attribute as it is.
_FRAGILE = re.compile(r'[\\"\n\r\t]|[^\x00-\x7f]')
_TITLE = re.compile(r"(?<=<mj-title>)[^<]*")
#: Style rules that look at what an attribute says.
_LOOKS_AT_VALUES = re.compile(r"\[\s*(?:alt|aria-label|href|src|title)\b", re.IGNORECASE)

#: Marks around a link in the text part until it is known whether the link stands alone on its line.
_OPEN, _TARGET, _CLOSE = "\x01", "\x02", "\x03"
_LINK = re.compile(f"{_OPEN}([^{_TARGET}]*){_TARGET}([^{_CLOSE}]*){_CLOSE}")


class NotExact(Exception):
    """A key came to stand where its value would have been treated differently."""


#: Skeletons kept: one a path through each template in use, so that a daemon's next tick makes none of them anew.
_KEPT = 256


@lru_cache(maxsize=_KEPT)
def as_html(source: str, *, mjml: bool) -> str:
    """The HTML to send. Raises OSError or ValueError with the parser's words where the source is not MJML."""
    html = mjml2html(_robust(source), fonts={}) if mjml else source
    return _inliner().inline(html)


@lru_cache(maxsize=_KEPT)
def as_text(html: str) -> str:
    """The text part: the HTML's words in their order, each link's address behind it."""
    from inscriptis import get_text

    # inscriptis resolves entities once more in what has been parsed: a name that says "&amp;" would lose it.
    text = get_text(html.replace("&amp;", "&amp;amp;"), _text_style())
    text = _LINK.sub(lambda link: f"{_OPEN}{' '.join(link[1].split())}{_TARGET}{link[2]}{_CLOSE}", text)
    lines = [_with_links(" ".join(line.split())) for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _robust(source: str) -> str:
    """Attributes with their rarer signs as numeric references, and the title, which becomes one.

    MRML prints attributes as Rust shows strings to programmers: a backslash twice, a combining accent as `u{301}`.
    """
    return _TITLE.sub(_as_references, _NOT_TEXT.sub(_robust_tag, source))


def _robust_tag(found: re.Match[str]) -> str:
    tag = found.group()
    if found["opaque"] is not None or not _FRAGILE.search(tag):
        return tag
    return _ATTRIBUTE.sub(lambda pair: f'{pair[1]}="{_FRAGILE.sub(_reference, pair[2][1:-1])}"', tag)


def _as_references(found: re.Match[str]) -> str:
    return _FRAGILE.sub(_reference, found.group())


def _reference(sign: re.Match[str]) -> str:
    return f"&#{ord(sign.group())};"


def opaque_keys(source: str, key: re.Pattern[str]) -> set[str]:
    """The numbers of the keys that stand where the pipeline looks at the value: styles, widths, comments."""
    opaque: set[str] = set()
    looks_at_values = _LOOKS_AT_VALUES.search(source) is not None
    for found in _NOT_TEXT.finditer(source):
        if (part := found.group()) and not key.search(part):
            continue
        numbers = key.findall(part)
        if found["opaque"] is None and not looks_at_values:
            for name, value in _ATTRIBUTE.findall(part):
                if name.lower() in _UNTOUCHED:
                    numbers = _without(numbers, key.findall(value))
        opaque.update(numbers)
    return opaque


def with_attribute_keys(html: str, key: re.Pattern[str], rename: str) -> str:
    """The HTML with the keys inside attributes renamed: quotes are written differently there. Raises NotExact."""

    def renamed(found: re.Match[str]) -> str:
        if found["opaque"] is not None:
            if key.search(found.group()):
                raise NotExact
            return found.group()
        return key.sub(rename, found.group())

    return _NOT_TEXT.sub(renamed, html)


def in_text(value: str) -> str:
    """A value as the inliner writes it between tags."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def in_attribute(value: str) -> str:
    """A value as the inliner writes it inside an attribute's double quotes."""
    return value.replace("&", "&amp;").replace('"', "&quot;")


def _without(numbers: list[str], known: list[str]) -> list[str]:
    left = list(numbers)
    for number in known:
        left.remove(number)
    return left


@cache
def _inliner() -> CSSInliner:
    return CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


@cache
def _text_style() -> Any:
    """Tables in mails are scaffolding: a cell is no column of text, so that no line depends on another's length."""
    from inscriptis.css_profiles import RELAXED_CSS_PROFILE
    from inscriptis.html_properties import Display
    from inscriptis.model.config import ParserConfig
    from inscriptis.model.html_element import HtmlElement
    from inscriptis.model.tag import CustomHtmlTagHandlerMapping

    css = dict(RELAXED_CSS_PROFILE)
    css |= {tag: HtmlElement(display=Display.block) for tag in ("table", "div")}
    css["tr"] = HtmlElement(display=Display.block, margin_before=1, margin_after=1)
    css |= {tag: HtmlElement(display=Display.none) for tag in ("title", "style", "head")}
    starts = {"table": None, "tr": None, "td": _cell_begins, "th": _cell_begins, "a": _link_begins}
    ends = {"table": None, "td": None, "th": None, "a": _link_ends}
    return ParserConfig(
        css=css, display_links=True, custom_html_tag_handler_mapping=CustomHtmlTagHandlerMapping(starts, ends)
    )


def _cell_begins(state: HtmlDocumentState, attributes: Any) -> None:
    from inscriptis.html_properties import Display

    if attributes.get("aria-hidden") == "true":
        state.tags[-1].display = Display.none
    state.tags[-1].write(" ")


def _link_begins(state: HtmlDocumentState, attributes: Any) -> None:
    state.link_target = attributes.get("href", "").strip()
    if state.link_target:
        state.tags[-1].write(_OPEN)


def _link_ends(state: HtmlDocumentState) -> None:
    if state.link_target:
        state.tags[-1].write(f"{_TARGET}{state.link_target}{_CLOSE}")
        state.link_target = ""


def _with_links(line: str) -> str:
    alone = _LINK.fullmatch(line)
    return f"{alone[1]}: {alone[2]}" if alone else _LINK.sub(r"\1 (\2)", line)
