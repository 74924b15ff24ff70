"""The sites that reviews are written on: what people call them, where they are, and what they ask of companies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

#: Our own form: words or a video for us to show.
OWN = "own"


@dataclass(frozen=True, slots=True)
class ReviewSite:
    """A site by the name that settings and playbooks use."""

    label: str
    #: What its address ends with, without the country's ending.
    host: str = ""
    #: Why nobody is asked there.
    off: str | None = None


#: What is known of some; any other name is one of the company's own.
KNOWN: Mapping[str, ReviewSite] = {
    "google": ReviewSite("Google", "google"),
    "trustpilot": ReviewSite("Trustpilot", "trustpilot"),
    "g2": ReviewSite("G2", "g2"),
    "capterra": ReviewSite("Capterra", "capterra"),
    "app_store": ReviewSite("the App Store", "apps.apple"),
    "play_store": ReviewSite("Google Play", "play.google"),
    OWN: ReviewSite("our own page"),
    "yelp": ReviewSite(
        "Yelp", "yelp", "Yelp asks businesses never to ask for reviews and ranks lower those that are asked for"
    ),
}


def label_of(site: str) -> str:
    """As people know it; a name in small letters gets a capital."""
    known = KNOWN.get(site)
    return known.label if known else site.replace("_", " ").title() if site.islower() else site


def why_off(site: str, url: str = "") -> str | None:
    """Why nobody may be asked there, whatever the site is called in the settings."""
    if (known := KNOWN.get(site)) is not None and known.off:
        return known.off
    host = f".{urlsplit(url).hostname or ''}."
    return next((one.off for one in KNOWN.values() if one.off and f".{one.host}." in host), None)
