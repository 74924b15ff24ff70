"""Text from outside, made fit for both databases."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without what PostgreSQL or UTF-8 cannot hold: NUL and lone surrogates become a replacement sign."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
