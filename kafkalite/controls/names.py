"""Kafka's names of APIs and errors, as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from kafkalite_wire.apis import DECLARED_APIS, Api, ApiKey
from kafkalite_wire.error_codes import ErrorCode


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


_APIS: Final = {_plain(api.name): api for api in DECLARED_APIS.values()}


def find_api(name: str | ApiKey) -> Api:
    """Return an API by its name, in any case, or its key. Raises ValueError, which suggests names."""
    if not isinstance(name, str):
        return DECLARED_APIS[ApiKey(name)]
    found = _APIS.get(_plain(name))
    if found is None:
        close = get_close_matches(_plain(name), _APIS, n=1)
        hint = (
            f"did you mean {_APIS[close[0]].name}?"
            if close
            else f"APIs: {', '.join(api.name for api in DECLARED_APIS.values())}"
        )
        raise ValueError(f"there is no API {name!r}; {hint}")
    return found


def find_error(error: str | int) -> int:
    """Return the code of an error by its name, in any case, or the code. Raises ValueError, which suggests names."""
    if not isinstance(error, str):
        return error
    found = ErrorCode.__members__.get(error.upper())
    if found is None:
        hint = near(error.upper(), ErrorCode.__members__) or "; names are those of Kafka's protocol guide"
        raise ValueError(f"there is no error {error!r}{hint}")
    return found


def error_name(code: int) -> str:
    """Return Kafka's name of an error."""
    return ErrorCode(code).name if code in ErrorCode.__members__.values() else str(code)


def near(name: str, known: Iterable[str]) -> str:
    """Return a suggestion of the name that is closest to a wrong one; empty if none is close."""
    close = get_close_matches(name, tuple(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
