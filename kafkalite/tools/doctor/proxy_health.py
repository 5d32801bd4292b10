"""Ask a kafkalite proxy for its health."""

from __future__ import annotations

import json
import os
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from kafkalite.config.setting import CONTROLS_TOKEN_VARIABLE
from kafkalite.tools.doctor.observations import ProxyHealth


def ask_health(url: str, *, timeout: float) -> ProxyHealth:
    """Return what a proxy says of itself; ``url`` is that of its metrics or of its controls."""
    token = os.environ.get(CONTROLS_TOKEN_VARIABLE)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = f"{url.rstrip('/').removesuffix('/health')}/health"
    try:
        if not address.startswith(("http://", "https://")):
            return ProxyHealth(url=address, problem="it is not an http URL")
        with _opened(Request(address, headers=headers), timeout) as response:  # noqa: S310  # checked above
            given = json.load(response)
        return _health(address, given)
    except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
        return ProxyHealth(url=address, problem=str(error) or type(error).__name__)


def _opened(request: Request, timeout: float) -> Any:
    try:
        return urlopen(request, timeout=timeout)  # noqa: S310  # checked by the caller
    except HTTPError as error:
        if error.code != 503:  # the status of a proxy that is not healthy
            raise
        return error


def _health(url: str, given: Any) -> ProxyHealth:
    return ProxyHealth(
        url=url,
        healthy=given["healthy"] is True,
        unreachable=tuple(
            (str(each["address"]), str(each["problem"])) for each in given["upstream"] if not each["reachable"]
        ),
        ports=tuple(int(each["port"]) for each in given["brokers"]),
    )
