"""Signs what a browser keeps for us and what its forms send back, by the secret that signs the links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from itsdangerous import BadSignature, Signer, TimestampSigner


class Seal:
    """The first secret signs, all of them verify. What is signed for one purpose is worth nothing for another."""

    def __init__(self, secrets: Sequence[str]) -> None:
        # itsdangerous signs with the last key of its list.
        self._keys = list(reversed(secrets))

    def sign(self, purpose: str, words: str) -> str:
        return self._timed(purpose).sign(words).decode()

    def read(self, purpose: str, signed: str, *, within: timedelta) -> str | None:
        """What was signed for this purpose not too long ago; None of anything else."""
        try:
            return str(self._timed(purpose).unsign(signed, max_age=int(within.total_seconds())).decode())
        except (BadSignature, UnicodeError):
            return None

    def form_token(self, browser: str) -> str:
        """What a form must send back: worth something only beside the cookie it was made for."""
        return self._plain().get_signature(browser).decode()

    def is_form_token(self, browser: str, token: str) -> bool:
        return bool(browser) and self._plain().verify_signature(browser.encode(), token.encode("utf-8", "replace"))

    def _timed(self, purpose: str) -> TimestampSigner:
        return TimestampSigner(self._keys, salt=f"regulars.console.{purpose}", key_derivation="hmac")

    def _plain(self) -> Signer:
        return Signer(self._keys, salt="regulars.console.form", key_derivation="hmac")
