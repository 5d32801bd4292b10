"""A TOML file that remembers where its keys stand, because whoever wrote it shall be told the line of a mistake."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kafkalite.config.property import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlFile:
    """What is in a file, and the line of each dotted key and table."""

    path: Path
    values: Mapping[str, object]
    lines: Mapping[str, int]

    def origin(self, name: str) -> str:
        """Say where a dotted key stands, as ``FILE:LINE``."""
        return f"{self.path}:{self.lines[name]}" if name in self.lines else str(self.path)


def read(path: Path) -> list[TomlFile]:
    """Read a file, or all ``*.toml`` of a folder in the order of their names; raises ConfigError with the line."""
    import tomllib

    read_files: list[TomlFile] = []
    for file in sorted(path.glob("*.toml")) if path.is_dir() else [path]:
        try:
            source = file.read_bytes().decode()
            values = tomllib.loads(source)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"cannot read {file}: {reason}") from None
        read_files.append(TomlFile(path=file, values=values, lines=_lines_of_names(source)))
    return read_files


def _lines_of_names(source: str) -> dict[str, int]:
    """Find the line of each key and table; tomllib does not tell. Good enough to point at, not a parser."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(source.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("[") and "]" in stripped:
            table = _bare(stripped[1 : stripped.index("]")]) + "."
            lines.setdefault(table[:-1], number)
        elif "=" in stripped and not stripped.startswith("#"):
            lines.setdefault(table + _bare(stripped.partition("=")[0]), number)
    return lines


def _bare(key: str) -> str:
    return "".join(letter for letter in key if letter not in " \t'\"")
