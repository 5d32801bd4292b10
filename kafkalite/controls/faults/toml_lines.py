"""On which line of a TOML file something is said; tomllib reads values without their places."""

from __future__ import annotations

from typing import Final, cast

_CLOSINGS: Final = ("", "\n]")
"""What may be missing behind the first lines of a file: nothing, or the end of an array over several lines."""


def line_of(source: str, path: tuple[str | int, ...]) -> int | None:
    """Find the line on which the statement begins that says ``path``, None if nothing does; lines count from 1.

    It asks the parser itself: the first lines of a file are TOML exactly where a statement ends, so neither comments
    nor strings over several lines can lead astray. That takes a time that is quadratic in the length of the file, and
    only those wait for it whose file has a mistake.
    """
    lines = [f"{line}\n" for line in source.split("\n")]
    whole = 0  # so many lines are TOML
    for count in range(1, len(lines) + 1):
        documents = [read for closing in _CLOSINGS if (read := _parsed("".join(lines[:count]) + closing)) is not None]
        if any(_says(document, path) for document in documents):
            return whole + 1
        if documents:
            whole = count
    return None


def _parsed(source: str) -> object | None:
    import tomllib

    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError:
        return None


def _says(document: object, path: tuple[str | int, ...]) -> bool:
    for step in path:
        if isinstance(document, dict) and step in document:
            document = cast("dict[str | int, object]", document)[step]
        elif isinstance(document, list) and isinstance(step, int) and step < len(cast("list[object]", document)):
            document = cast("list[object]", document)[step]
        else:
            return False
    return True
