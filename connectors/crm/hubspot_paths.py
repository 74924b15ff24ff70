"""Where each question is asked: HubSpot's paths, one row a question, one column a version of its API.

The version stands at another place in every dated path, so none can be made from its older form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

#: What is asked in unless the settings say otherwise, and what they may say.
USUAL = "2026-09"
VERSIONS = r"^(v3|v4|20\d\d-(03|09))$"


@dataclass(frozen=True, slots=True)
class Paths:
    """One question's paths; where v4 has none of its own it is v3's."""

    dated: str
    v3: str
    v4: str | None = None


PATHS: Mapping[str, Paths] = {
    "objects": Paths("/crm/objects/{version}/{table}", "/crm/v3/objects/{table}"),
    "object": Paths("/crm/objects/{version}/{table}/{to}", "/crm/v3/objects/{table}/{to}"),
    "search": Paths("/crm/objects/{version}/{table}/search", "/crm/v3/objects/{table}/search"),
    "batch": Paths("/crm/objects/{version}/{table}/batch/read", "/crm/v3/objects/{table}/batch/read"),
    "create": Paths("/crm/objects/{version}/{table}/batch/create", "/crm/v3/objects/{table}/batch/create"),
    "update": Paths("/crm/objects/{version}/{table}/batch/update", "/crm/v3/objects/{table}/batch/update"),
    # v3 of the associations cannot page, so v3 asks v4 as well.
    "links": Paths(
        "/crm/associations/{version}/{table}/{to}/batch/read", "/crm/v4/associations/{table}/{to}/batch/read"
    ),
    "properties": Paths("/crm/properties/{version}/{table}", "/crm/v3/properties/{table}"),
    "pipelines": Paths("/crm/pipelines/{version}/{table}", "/crm/v3/pipelines/{table}"),
    "owners": Paths("/crm/owners/{version}", "/crm/v3/owners"),
    # v3 knows no opt-out from everything.
    "unsubscribe all": Paths(
        "/communication-preferences/{version}/statuses/{table}/unsubscribe-all",
        "/communication-preferences/v4/statuses/{table}/unsubscribe-all",
    ),
    "unsubscribe": Paths(
        "/communication-preferences/{version}/statuses/{table}", "/communication-preferences/v4/statuses/{table}"
    ),
    # The only dated one so far.
    "token": Paths("/oauth/2026-03/token", "/oauth/v1/token"),
}


@lru_cache(1_024)
def path_of(question: str, version: str, *, table: str = "", to: str = "") -> str:
    """The path as that version of the API knows it."""
    paths = PATHS[question]
    path = {"v3": paths.v3, "v4": paths.v4 or paths.v3}.get(version, paths.dated)
    return path.format(version=version, table=quote(table, safe=""), to=quote(to, safe=""))
