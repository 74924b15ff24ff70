"""Brings the `.po` files of the pages' languages up to date with `page_words.py`, and prints what is to be translated.

    python tools/write_languages.py [NEW_LANGUAGE …]

A word that changed in English loses its translation: somebody must look at it.
"""

from __future__ import annotations

import sys
from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from runner.render.languages import SHIPPED, read, shipped
from runner.render.page_words import WORDS

#: Each file and the keys in it, by what a key begins with.
FAMILIES = {
    "survey": ("survey", "thanks"),
    "mail": ("unsubscribe", "preferences", "letter"),
    "rewards": ("review", "referral", "friend", "testimonial"),
    "problems": ("problem",),
}


def main(new: list[str]) -> int:
    missing = 0
    for language in sorted({*shipped(), *new}):
        for family, heads in FAMILIES.items():
            path = SHIPPED / language / f"{family}.po"
            path.parent.mkdir(exist_ok=True)
            catalog = renewed(language, read(path) if path.is_file() else None, heads)
            path.write_bytes(written(catalog))
            empty = [message.context for message in catalog if message.id and not is_whole(message.string)]
            print("".join(f"{path.parent.name}/{path.name}: {key}\n" for key in empty), end="")
            missing += len(empty)
    return 1 if missing else 0


def renewed(language: str, old: Catalog | None, heads: tuple[str, ...]) -> Catalog:
    """The words of a family, in English and as they were translated."""
    catalog = Catalog(language, header_comment="", fuzzy=False)
    for key, english in WORDS.items():
        if key.split(".")[0] in heads:
            said = old.get(english, key) if old is not None else None
            catalog.add(english, said.string if said else None, context=key)
    return catalog


def written(catalog: Catalog) -> bytes:
    """As a file, without what would be another at every run."""
    into = BytesIO()
    write_po(into, catalog, width=0)
    header, _, rest = into.getvalue().lstrip().partition(b"\n\n")
    kept = (b"msg", b'"Content-', b'"Language:', b'"Plural-Forms', b'"MIME')
    return b"\n".join(line for line in header.splitlines() if line.startswith(kept)) + b"\n\n" + rest


def is_whole(said: object) -> bool:
    return all(said) if isinstance(said, tuple | list) else bool(said)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
