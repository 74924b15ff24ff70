"""What a request is signed with: a key that stands for good, or an access token that is renewed before it runs out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, SecretStr

from connectors.crm.hubspot_errors import SYSTEM
from connectors.errors import AuthFailed, Permanent, Temporary

if TYPE_CHECKING:
    from connectors.crm.hubspot_api import HubSpotApi

#: Seconds before its end at which a token is renewed. A 401 is no sign that it is time: HubSpot says so.
BEFORE = 120.0


class OAuth(BaseModel):
    """An app's credentials, in place of a token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str
    client_secret: SecretStr
    #: Of the account that installed the app.
    refresh_token: SecretStr


def standing(key: SecretStr) -> Callable[[HubSpotApi], str]:
    """A service key or private app token."""
    return lambda _: key.get_secret_value()


class Renewed:
    """Access tokens of an app, each for half an hour."""

    def __init__(self, oauth: OAuth, *, monotonic: Callable[[], float]) -> None:
        self._oauth = oauth
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def __call__(self, api: HubSpotApi) -> str:
        with self._lock:
            if not self._token or self._monotonic() >= self._until - BEFORE:
                self._renew(api)
            return self._token

    def _renew(self, api: HubSpotApi) -> None:
        asked_at = self._monotonic()
        form = [
            ("grant_type", "refresh_token"),
            ("client_id", self._oauth.client_id),
            ("client_secret", self._oauth.client_secret.get_secret_value()),
            ("refresh_token", self._oauth.refresh_token.get_secret_value()),
        ]
        try:
            granted = api.grant(form)
            self._token, self._until = str(granted["access_token"]), asked_at + float(granted["expires_in"])
        except Permanent as error:
            # A dead grant is told in several ways: BAD_REFRESH_TOKEN, BAD_HUB with access_denied, invalid_grant.
            words = (
                f"{error.words} The app's access was taken back or has changed; install it anew and set refresh_token."
            )
            raise AuthFailed(words, system=SYSTEM, request=error.request, status=error.status) from error
        except (KeyError, TypeError, ValueError) as error:
            raise Temporary("answered the renewal of the token with something else", system=SYSTEM) from error
