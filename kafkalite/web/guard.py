"""Who may ask: nobody whose browser was led here by a page of somebody else's."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address

from kafkalite.web.answers import Refused


def check_host(host: str, own: str) -> None:
    """Check that a Host header does not name a domain of the Internet. Raises Refused.

    A page can have its own name point at this machine (DNS rebinding), and then its scripts count as coming from here.
    An address cannot be pointed elsewhere, and a name without a dot (``localhost``, a service of a container network)
    is nobody's to register. ``own`` is the name under which the controls were told to listen.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    name = name.removeprefix("[").removesuffix("]").lower()
    if name == own.lower() or ("." not in name and ":" not in name) or _is_address(name):
        return
    raise Refused(HTTPStatus.FORBIDDEN, f"the Host header names {host!r}: ask by address, as localhost, or as {own!r}")


def check_content_type(method: str, content_type: str) -> None:
    """Check that what changes something is sent as JSON. Raises Refused.

    A page of another origin can send a form without asking, but no JSON; and whoever asks is not allowed anything.
    """
    if method in ("GET", "HEAD", "OPTIONS"):
        return
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{method} needs the header Content-Type: application/json")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
