"""Commands about what customers earn and give: referrals, points, reviews."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from runner.cli.options import AsJson, Folder, console, print_json, say, workspace
from runner.errors import WrongUsage


def referrals(
    folder: Folder = None,
    contact: Annotated[str | None, typer.Option(help="Only this contact's friends.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state: due, say.")] = None,
    rewarded: Annotated[
        int | None, typer.Option("--rewarded", help="Say that this one's reward has been given.", metavar="ID")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the friends that customers have brought, and how far each of them has come."""
    from runner.app import earnings
    from runner.cli.reward_tables import referral_table

    with workspace(folder) as app:
        if rewarded is not None:
            earnings.reward_by_hand(app, rewarded)
            say(f"referral {rewarded} is rewarded")
            return
        found = earnings.referrals(app, contact, state)
        if as_json:
            print_json(found)
        else:
            console().print(referral_table(found, visits=earnings.visits(app), zone=app.settings.timezone))


def points(
    contact: Annotated[str | None, typer.Argument(metavar="[CONTACT]", help="Source id, our id or address.")] = None,
    folder: Folder = None,
    add: Annotated[str | None, typer.Option(help="Give so many points.", metavar="N")] = None,
    spend: Annotated[str | None, typer.Option(help="Take so many points.", metavar="N")] = None,
    why: Annotated[str | None, typer.Option(help="What for; it stands in the ledger.", metavar="TEXT")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how many people are on each tier; of a contact the points, row by row."""
    from runner.app import earnings
    from runner.cli.reward_tables import ledger_table, tier_table

    with workspace(folder) as app:
        if add is not None or spend is not None:
            if contact is None or why is None or (add is not None and spend is not None):
                raise WrongUsage(
                    "say whose points, how many, and what for: points CONTACT --add 50 --why 'a late parcel'"
                )
            amount = _amount(add) if add is not None else -_amount(spend or "")
            earnings.give_points(app, contact, amount, why)
        if contact is None:
            found = earnings.tiers(app)
            if as_json:
                print_json(found)
            else:
                console().print(tier_table(found))
            return
        told = earnings.ledger(app, contact)
        if as_json:
            print_json(told)
        else:
            console().print(ledger_table(told, zone=app.settings.timezone))


def _amount(written: str) -> Decimal:
    try:
        amount = Decimal(written)
    except InvalidOperation:
        amount = Decimal(0)
    if not (amount.is_finite() and 0 < amount < 1_000_000_000):
        raise WrongUsage(f"{written!r} is no number of points; write 50")
    return amount


def reviews(
    folder: Folder = None,
    words: Annotated[bool, typer.Option("--words", help="What people wrote or filmed for us to show.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how many were asked for a review on each site, and how many went there."""
    from runner.app import earnings
    from runner.cli.reward_tables import review_table, testimonial_table

    with workspace(folder) as app:
        found = earnings.words_to_show(app) if words else earnings.reviews(app)
        if as_json:
            print_json(found)
        elif words:
            console().print(testimonial_table(found, zone=app.settings.timezone))
        else:
            console().print(review_table(found, off=app.settings.reviews.off))


COMMANDS: Mapping[str, Callable[..., None]] = {"referrals": referrals, "points": points, "reviews": reviews}
