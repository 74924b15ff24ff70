"""A tick's look at what customers have earned: friends followed, points counted, tiers set. Playbooks come after."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime

from runner import clock
from runner.app.app import App
from runner.reward import Followed, Pool, count_points, follow, place, tell_facts, turns
from runner.sync import advance

#: Since when there is a referral programme; what was before is none of it.
REFERRALS_SINCE = "referrals_since"
#: When facts were last made of what we know.
TOLD_AT = "rewards_told_at"
#: When friends were last followed, and points counted.
FOLLOWED_AT, COUNTED_AT = "referrals_followed_at", "points_counted_at"
#: The rules of the last count of everybody, and the days on which points expire.
COUNTED_BY = "points_counted_by"


def reward(app: App, now: datetime) -> Followed:
    """Whatever the settings ask for; what waits for a person is told."""
    followed = _follow(app, now)
    if app.settings.loyalty is not None:
        _count(app, now)
    _tell_facts(app, now)
    if followed.moved or app.settings.loyalty is not None:
        advance(app.store, None, now, app.settings)
    return followed


def _follow(app: App, now: datetime) -> Followed:
    programme = app.settings.referrals
    if programme is None:
        return Followed()
    since, news = app.remembered(REFERRALS_SINCE), app.remembered(FOLLOWED_AT)
    if since is None:
        app.remember(REFERRALS_SINCE, since := now.isoformat())
    if app.remembered("last_tick_at") is None:
        return Followed()  # What is told before a playbook has begun starts it for nobody.
    followed = follow(
        app.store, app.settings, pool_of(app),
        since=datetime.fromisoformat(since), news=datetime.fromisoformat(news or since), now=now,
    )  # fmt: skip
    app.remember(FOLLOWED_AT, now.isoformat())
    return followed


def pool_of(app: App) -> Pool | None:
    """The coupons that rewards are paid with."""
    programme = app.settings.referrals
    return Pool(app.folder / programme.coupons) if programme is not None and programme.coupons else None


def _count(app: App, now: datetime) -> None:
    """Of whom something is new; of everybody when the rules have changed or points expire. Tiers turn with each day."""
    counted_by, last = _counted_by(app, now), app.remembered(COUNTED_AT)
    before = None if last is None or app.remembered(COUNTED_BY) != counted_by else datetime.fromisoformat(last)
    count_points(app.store, app.settings, now, since=before)
    same_day = before is not None and _day(app, before) == _day(app, now)
    place(app.store, app.settings, now, since=before if same_day else None, quietly=last is None)
    app.remember(COUNTED_BY, counted_by)
    app.remember(COUNTED_AT, now.isoformat())


def _tell_facts(app: App, now: datetime) -> None:
    """Once a local day: figures ask for no more."""
    last = app.remembered(TOLD_AT)
    before = datetime.fromisoformat(last) if last is not None else None
    if before is None or _day(app, before) != _day(app, now):
        tell_facts(app.store, before, now)
        app.remember(TOLD_AT, now.isoformat())


def _day(app: App, at: datetime) -> date:
    return clock.local(at, app.settings.timezone).date()


def _counted_by(app: App, now: datetime) -> str:
    assert app.settings.loyalty is not None
    rules = app.settings.loyalty.model_dump_json() + app.settings.timezone
    return json.dumps([hashlib.sha256(rules.encode()).hexdigest()[:16], *turns(app.settings, now)])
