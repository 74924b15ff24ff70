"""Webhooks out: a message as JSON, signed, to an address that somebody has named and that is looked at first."""
