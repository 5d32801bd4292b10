"""What `serve` and `proxy` share of the options of controls over HTTP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kafkalite.config.setting import CONTROLS_TOKEN_VARIABLE

if TYPE_CHECKING:
    from kafkalite.addresses import HostPort

controls_token_option: Final = click.option(
    "--controls-token-file",
    metavar="FILE",
    envvar="KAFKALITE_CONTROLS_TOKEN_FILE",
    type=click.Path(path_type=Path),
    help="File with a token that each request to the controls must bring, as Authorization: Bearer TOKEN. "
    f"Also, as text, the environment variable {CONTROLS_TOKEN_VARIABLE}.",
)


def controls_token(controls: HostPort, token_file: Path | None) -> str | None:
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
