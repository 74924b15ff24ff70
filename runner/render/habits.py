"""Days and amounts as readers of a language write them."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from jinja2.runtime import Context

from runner.render.languages import Words, locale_of
from runner.render.page_words import LANGUAGE

_SIGNS = {"EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"}
_WITHOUT_CENTS = {"JPY", "KRW", "HUF", "CLP", "ISK", "VND"}
#: Spaces that do not break. A letter has plain ones, so that values of several people stand in one skeleton.
_KEPT_TOGETHER = str.maketrans({"\u00a0": " ", "\u202f": " "})


def language(context: Context) -> str:
    """What the letter speaks; a text that is none, such as a task's, is in English."""
    words = context.resolve_or_missing("say")
    return words.language if isinstance(words, Words) else LANGUAGE


@lru_cache(maxsize=4096)
def day(value: date, language: str) -> str:
    """`22 November 2026`, `22. November 2026`"""
    if language == LANGUAGE:
        return f"{value.day} {value:%B %Y}"
    from babel.dates import format_date

    return format_date(value, "long", locale=locale_of(language)).translate(_KEPT_TOGETHER)


def money(value: Any, currency: str, language: str) -> str:
    """`€1,234.50`, `1.234,50 €`"""
    exact = Decimal(str(value)).quantize(Decimal(1) if currency in _WITHOUT_CENTS else Decimal("0.01"), ROUND_HALF_UP)
    if language == LANGUAGE or not currency:
        sign = "-" if exact < 0 else ""
        return f"{sign}{_SIGNS.get(currency, f'{currency} ' if currency else '')}{abs(exact):,}"
    from babel.numbers import format_currency

    locale = locale_of(language)
    usual: str = locale.currency_formats["standard"].pattern
    pattern = usual.replace(".00", "") if currency in _WITHOUT_CENTS else usual
    return format_currency(exact, currency, pattern, locale, currency_digits=False).translate(_KEPT_TOGETHER)
