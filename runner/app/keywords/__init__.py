"""Which words come up in more than one answer, and in which: words and pairs of words side by side, counted.

A count and no more: nothing is said of moods or topics, and the answers behind a word are beside it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from runner.app.keywords.function_words import FUNCTION_WORDS, GLUE, NOES
from runner.render.languages import chosen
from runner.render.page_words import LANGUAGE

#: Answers that a word must come up in.
LEAST = 2
#: Groups that are told of, the largest first.
MOST = 30
#: How snowball calls the languages; of others words count as they are written.
_STEMMERS = {
    "de": "german", "en": "english", "es": "spanish", "fr": "french", "lt": "lithuanian", "pl": "polish",
    "ru": "russian", "da": "danish", "et": "estonian", "fi": "finnish", "hu": "hungarian", "it": "italian",
    "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
_HAN = r"\u3400-\u9fff"
_TOKEN = re.compile(rf"[{_HAN}]+|[^\W\d_]+(?:[-'’][^\W\d_]+)*")
#: Where a thought ends: words on either side are not side by side.
_END = re.compile(r"[.!?;:,()\n\u2013\u2014\u3002\uff01\uff1f\uff1b\uff1a\uff0c\u3001]+")


@dataclass(frozen=True, slots=True)
class Text:
    """What somebody wrote, and the language they are known to read."""

    words: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word, or two side by side in either order."""

    #: As most of them wrote it.
    words: str
    #: The texts that have it, by their places.
    among: tuple[int, ...]

    @property
    def n(self) -> int:
        return len(self.among)


def keywords(texts: Sequence[Text], usual: str = LANGUAGE) -> list[Keyword]:
    """What comes up in two texts or more, the most frequent first; `usual` is the language where none is known."""
    among: dict[tuple[str, ...], set[int]] = defaultdict(set)
    written: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for place, text in enumerate(texts):
        for stems, form in _found(text.words, chosen([text.language, usual], [*_STEMMERS, "zh"]) or LANGUAGE, usual):
            among[stems].add(place)
            written[stems][form] += 1
    often = {stems: places for stems, places in among.items() if len(places) >= LEAST}
    told = [Keyword(_usual_form(written[stems]), tuple(sorted(often[stems]))) for stems in _without_parts(often)]
    return sorted(told, key=lambda keyword: (-keyword.n, -len(keyword.words.split()), keyword.words))[:MOST]


def _found(text: str, language: str, usual: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each word and pair of a text by its stems, as it is written."""
    idle = FUNCTION_WORDS[LANGUAGE].union(*(FUNCTION_WORDS.get(one, ()) for one in (language, usual))) - NOES
    for thought in _END.split(text):
        said = [word for word in _words(thought) if word.replace("'", "") not in idle]
        stems = [_stem(word, language) for word in said]
        yield from (
            ((stem,), word) for stem, word in zip(stems, said, strict=True) if len(word) > 1 and not _is_no(word)
        )
        for (one, first), (two, second) in pairwise(zip(stems, said, strict=True)):
            if one != two and not (_is_han(first) and _is_han(second)):
                yield tuple(sorted((one, two))), f"{first} {second}"


def _words(thought: str) -> Iterator[str]:
    """The words in small letters; of Chinese, which has no spaces, every two signs that may be one."""
    for token in _TOKEN.findall(thought.casefold()):
        if _is_han(token):
            yield from (a + b for a, b in pairwise(token) if not {a, b} & GLUE and b not in NOES)
        else:
            yield token.replace("’", "'")


def _is_han(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"


def _is_no(word: str) -> bool:
    return word in NOES or word.endswith("n't")


@lru_cache(maxsize=50_000)
def _stem(word: str, language: str) -> str:
    if language not in _STEMMERS or _is_han(word):
        return word
    return str(_stemmer(language).stemWord(word))


@lru_cache
def _stemmer(language: str) -> Any:
    from snowballstemmer import stemmer

    return stemmer(_STEMMERS[language])


def _without_parts(often: Mapping[tuple[str, ...], Collection[int]]) -> Iterator[tuple[str, ...]]:
    """Without words that come up nowhere but in a pair that is told of itself."""
    pairs: dict[str, set[frozenset[int]]] = defaultdict(set)
    for stems, places in often.items():
        for stem in stems if len(stems) == 2 else ():
            pairs[stem].add(frozenset(places))
    return (stems for stems, places in often.items() if len(stems) == 2 or frozenset(places) not in pairs[stems[0]])


def _usual_form(written: Counter[str]) -> str:
    return min(written, key=lambda form: (-written[form], len(form), form))
