"""What `serve` and `proxy` share of the options of controls over HTTP."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from kafkalite.config.setting import CONTROLS_TOKEN_VARIABLE

if TYPE_CHECKING:
    from kafkalite.addresses import HostPort
    from kafkalite.config.security import ListenerSecurity
    from kafkalite.controls.http.access import ControlsAccess

Command = TypeVar("Command", bound=Callable[..., object])

log = logging.getLogger("kafkalite.controls")

_PROTECTION: Final = (
    click.option(
        "--controls-token-file",
        metavar="FILE",
        envvar="KAFKALITE_CONTROLS_TOKEN_FILE",
        type=click.Path(path_type=Path),
        help="File with a token that each request to the controls must bring, as Authorization: Bearer TOKEN. "
        f"Also, as text, the environment variable {CONTROLS_TOKEN_VARIABLE}.",
    ),
    click.option(
        "--controls-tls",
        is_flag=True,
        envvar="KAFKALITE_CONTROLS_TLS",
        help="Serve the controls over HTTPS, with the certificate of the first listener that has TLS.",
    ),
)


def controls_protection_options(command: Command) -> Command:
    """Add the options that protect the controls."""
    for option in reversed(_PROTECTION):
        command = option(command)
    return command


def controls_access(
    controls: HostPort | None, token_file: Path | None, *, tls: bool, listeners: Iterable[ListenerSecurity]
) -> ControlsAccess | None:
    """Return how the controls are protected, None if there are none. Raises UsageError."""
    if controls is None:
        if token_file is not None or tls:
            raise click.UsageError("--controls-token-file and --controls-tls need --controls.")
        return None
    from kafkalite.controls.http.access import ControlsAccess

    token = _token(controls, token_file)
    settings = next((each.tls for each in listeners if each.tls is not None), None) if tls else None
    if settings is None:
        if tls:
            raise click.UsageError("--controls-tls needs a listener with TLS, such as that of --security ssl.")
        return ControlsAccess(token=token)
    from kafkalite.security.tls import TlsContext

    return ControlsAccess(token=token, tls=TlsContext(replace(settings, client_auth="none")).current())


def warn_of_readable_token(controls: HostPort | None, *, tls: bool) -> None:
    """Log a warning where a token travels through a network as it is."""
    if controls is not None and not controls.is_loopback and not tls:
        log.warning("the token of the controls on %s can be read on its way; --controls-tls encrypts it", controls)


def _token(controls: HostPort, token_file: Path | None) -> str | None:
    """Return the token that requests to the controls must bring. Raises UsageError."""
    token = os.environ.get(CONTROLS_TOKEN_VARIABLE) or None
    if token_file is not None:
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise click.UsageError(f"--controls-token-file: cannot read {token_file}: {error}") from None
        if not token:
            raise click.UsageError(f"--controls-token-file: {token_file} is empty.")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise click.UsageError("The token of the controls must be one line of printable ASCII characters.")
    if token is None and not controls.is_loopback:
        raise click.UsageError(
            f"--controls {controls}: other machines can reach this address, so set --controls-token-file, or the "
            f"environment variable {CONTROLS_TOKEN_VARIABLE}."
        )
    return token


def require_h11(option: str = "--controls") -> None:
    """Check that what HTTP needs is installed. Raises ClickException."""
    from importlib.util import find_spec

    if find_spec("h11") is None:
        raise click.ClickException(f"{option} needs h11, which is missing: run pip install 'kafkalite[controls]'")
