"""What is done at the beginning of a connection: one module for each part, and `VISITS` has all of it by name."""

from importlib import import_module
from typing import Final

from kafkalite_conformance.differential.authentication.visits.entering import VISITS

_MODULES: Final = (
    "access_tokens",
    "delegation_tokens",
    "first_requests",
    "handshakes",
    "passwords",
    "scram",
    "sessions",
    "tls",
)

for _name in _MODULES:
    import_module(f"{__name__}.{_name}")

__all__ = ["VISITS"]
