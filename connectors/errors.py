"""What went wrong outside, named for what the caller does about it.

Every error carries the system, the request, the status and the provider's own words; never a secret.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """The outside system failed."""

    def __init__(
        self, words: str, *, system: str, request: str = "", status: int | None = None, correlation: str = ""
    ) -> None:
        self.words = words
        self.system = system
        self.request = request
        self.status = status
        self.correlation = correlation
        super().__init__(str(self))

    def __str__(self) -> str:
        asked = f" {self.request}:" if self.request else ""
        status = f" {self.status}" if self.status is not None else ""
        traced = f" (correlation {self.correlation})" if self.correlation else ""
        return f"{self.system}:{asked}{status} {self.words}{traced}"


class Temporary(ConnectorError):
    """Nothing was done; the same request may succeed later. `retry_after` is in seconds, None where nobody said."""

    def __init__(
        self,
        words: str,
        *,
        system: str,
        request: str = "",
        status: int | None = None,
        correlation: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.retry_after = retry_after
        super().__init__(words, system=system, request=request, status=status, correlation=correlation)


class Permanent(ConnectorError):
    """The request was refused and would be refused again: it must change first."""


class SharedFault(Permanent):
    """What all letters of a mailing have in common was refused, such as its sender: that must be mended first.

    No letter is to blame, and other mailings may go.
    """


class AuthFailed(Permanent):
    """The credentials are wrong, expired, or lack a permission: a person must act."""


class Unsupported(Permanent):
    """The system cannot do what was asked of it."""
