"""What the commands about rewards print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from runner import clock
from runner.cli.sheets import blank_table, plain
from runner.settings.review_sites import label_of

_COLOURS = {"due": "yellow", "rewarded": "green", "refused": "dim", "lapsed": "dim"}


def referral_table(found: Sequence[Mapping[str, Any]], *, visits: int, zone: str) -> RenderableType:
    if not found:
        return Text(f"Nobody has brought a friend yet; {visits:,} visits to the shop from customers' links.")
    table = blank_table()
    for head in ("", "Since", "Customer", "Friend", "Came by", "State"):
        table.add_column(head, no_wrap=head in ("", "Since"))
    table.add_column("Why, or when", ratio=1)
    for one in found:
        state = Text(one["state"].replace("_", " "), _COLOURS.get(one["state"], ""))
        people = (plain(one[side]["email"] or str(one[side]["id"] or "")) for side in ("contact", "friend"))
        table.add_row(str(one["id"]), _day(one["at"], zone), *people, one["came_by"], state, plain(_note(one, zone)))
    counted = Counter(one["state"] for one in found)
    told = ", ".join(f"{number:,} {state.replace('_', ' ')}" for state, number in counted.items())
    table.caption = f"{told}; {visits:,} visits to the shop from customers' links, machines among them"
    table.caption_style, table.caption_justify = "dim", "left"
    return table


def _note(one: Mapping[str, Any], zone: str) -> str:
    coupon = f", coupon {one['coupon']}" if one["coupon"] else ""
    match one["state"]:
        case "rewarded":
            return f"{_day(one['rewarded_at'], zone)} by {one['rewarded_by']}{coupon}"
        case "due":
            return f"since {_day(one['due_at'], zone)}{coupon}"
        case "bought":
            return f"bought {_day(one['bought_at'], zone)}, due from {_day(one['due_at'], zone)}"
    return str(one["reason"] or "")


def ledger_table(told: Mapping[str, Any], *, zone: str) -> RenderableType:
    table = blank_table()
    for head in ("Written", "Day", "For"):
        table.add_column(head, no_wrap=head != "For", ratio=1 if head == "For" else None)
    table.add_column("Points", justify="right")
    for row in told["ledger"]:
        table.add_row(_day(row["at"], zone), row["day"].isoformat(), plain(_earned_by(row)), _number(row["points"]))
    table.caption = f"{_number(told['points'] or 0)} points{_tier_words(told['tier'], zone)}"
    table.caption_justify = "left"
    return table


def _earned_by(row: Mapping[str, Any]) -> str:
    """What stands in the ledger's key, as people say it."""
    told = row["key"].partition(" ")[2]
    match row["rule"]:
        case _ if row["words"]:
            return str(row["words"])
        case "orders":
            return f"order {told}"
        case "years":
            return f"years a customer: {told.rpartition(' ')[2]}"
        case "streak":
            return "an order again this month"
        case "referral":
            return f"a friend brought: referral {told}"
        case "expired":
            return "expired"
    return f"{row['rule'].replace('_', ' ')}: {told}"


def _tier_words(tier: Mapping[str, Any] | None, zone: str) -> str:
    if tier is None or tier["tier"] is None:
        return ", no tier"
    ends = f", until {tier['falls_on']}, then {tier['falls_to'] or 'none'}" if tier["falls_on"] else ""
    return f", {tier['tier']} since {_day(tier['since'], zone)}{ends}"


def tier_table(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not found:
        return Text("There are no tiers: loyalty: in regulars.yaml has none.")
    table = blank_table()
    table.add_column("Tier")
    for head in ("People", "About to leave it"):
        table.add_column(head, justify="right")
    for row in found:
        table.add_row(plain(row["tier"]), f"{row['people']:,}", f"{row['falling']:,}")
    return table


def review_table(found: Sequence[Mapping[str, Any]], *, off: Mapping[str, str]) -> RenderableType:
    table = blank_table()
    table.add_column("Site")
    for head in ("Asked", "Opened the page", "Went on"):
        table.add_column(head, justify="right")
    for row in found:
        numbers = (f"{row[name]:,}" for name in ("asked", "opened", "went_on"))
        table.add_row(plain(label_of(row["site"] or "any")), *numbers)
    notes = [f"{site} is off: {why}" for site, why in off.items()]
    table.caption = "\n".join(["Who opened or went on may be a machine.", *notes])
    table.caption_style, table.caption_justify = "dim", "left"
    return table if found else Text("\n".join(["Nobody has been asked for a review yet.", *notes]))


def testimonial_table(found: Sequence[Mapping[str, Any]], *, zone: str) -> RenderableType:
    if not found:
        return Text("Nobody has given words to show yet.")
    table = blank_table()
    for head in ("Given", "Contact", "Shown as"):
        table.add_column(head, no_wrap=head == "Given")
    table.add_column("Words, or video", ratio=1)
    for row in found:
        said = "\n".join(part for part in (row["words"], row["video"]) if part)
        table.add_row(
            _day(row["consent_at"], zone), plain(row["email"] or ""), plain(row["shown_as"] or ""), plain(said)
        )
    table.caption = "Each was given with the sentence that regulars reviews --words --json shows."
    table.caption_style, table.caption_justify = "dim", "left"
    return table


def _day(at: datetime, zone: str) -> str:
    return clock.local(at, zone).date().isoformat()


def _number(points: float) -> str:
    return f"{points:,.4f}".rstrip("0").rstrip(".")
