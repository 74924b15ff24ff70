"""Guard rails: whether a playbook drives people away or costs revenue. To stop for harm is fine at any time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from runner.effect.verdict import PEOPLE
from runner.kpis.asked import Asked
from runner.kpis.contrasts import Contrast, means
from runner.kpis.intervals import ONE_SIDED, at_least
from runner.kpis.rows import delivered, one, total, with_people
from runner.store.tables import sends


@dataclass(frozen=True, slots=True)
class Rail:
    """One of them, as it stands."""

    #: `unsubscribes` and `complaints` of the playbook's mails; `revenue` a person against the holdout.
    name: str
    value: float
    n: int
    #: What the value may not pass, and how far it surely has come: the one-sided limit of 99 %.
    limit: float
    surely: float
    crossed: bool
    #: What is so, as a sentence that leads to advice.
    words: str

    def document(self) -> dict[str, Any]:
        return asdict(self)


def rails(asked: Asked, playbook: str, contrast: Contrast) -> Sequence[Rail]:
    """Those of a playbook of which anything is known."""
    return [*_of_mails(asked, playbook), *_of_revenue(contrast, asked.settings.currency)]


def _of_mails(asked: Asked, playbook: str) -> Iterator[Rail]:
    s, limits = sends.c, asked.settings.effect
    rows, _ = with_people(asked, sends, s.contact_id)
    told = sa.select(
        sa.func.count(), *(total(one(asked.known(at))) for at in (s.unsubscribed_at, s.complained_at))
    ).select_from(rows)
    mails = s.playbook == playbook, s.action != "notify", asked.known(s.claimed_at), delivered()
    n, left, called = asked.connection.execute(told.where(*mails)).one()
    if n:
        yield _rate("unsubscribes", int(left), n, limits.unsubscribes, "unsubscribed by it")
        yield _rate("complaints", int(called), n, limits.complaints, "called it spam")


def _rate(name: str, hits: int, n: int, limit: float, did: str) -> Rail:
    surely = at_least(hits, n)
    words = f"of {n:,} mails {hits:,} {did}: {hits / n:.2%}, surely {surely:.2%} and more; effect.{name} is {limit:.2%}"
    return Rail(name, hits / n, n, limit, surely, surely > limit, words)


def _of_revenue(contrast: Contrast, currency: str) -> Iterator[Rail]:
    if contrast.spent is None or min(contrast.one.n, contrast.other.n) < PEOPLE:
        return
    found = means(contrast.one, contrast.other, z=ONE_SIDED)
    if found is not None:
        spent, interval = found
        words = (
            f"who was let in spends {-spent:,.2f} {currency} less than who was held out, surely {-interval.high:,.2f}"
        )
        n = contrast.one.n + contrast.other.n
        yield Rail("revenue", spent, n, 0.0, interval.high, interval.high < 0, words)
