"""References in values of properties, so that secrets stay out of files and commands.

They are spelled as those of Kafka's config providers: ``${env:NAME}`` is an environment variable, ``${file:PATH:KEY}``
a value of a properties file, ``${directory:PATH:NAME}`` the content of a file. ``${file:PATH}`` is the content, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kafkalite.config import properties_file
from kafkalite.config.property import ConfigError

if TYPE_CHECKING:
    from kafkalite.config.setting import Setting

_REFERENCE: Final = re.compile(r"\$\{(env|file|directory):(?:([^}:]*):)?([^}]*)\}")


def resolved(setting: Setting, environment: Mapping[str, str]) -> Setting:
    """Return a setting with the values that it refers to. Raises ConfigError, whose message quotes no value."""

    def value(reference: re.Match[str]) -> str:
        provider, path, key = reference.groups()
        try:
            if provider == "env":
                return environment[key]
            if provider == "file" and path:
                return _of_properties(Path(path))[key]
            return Path(path or "", key).read_text(encoding="utf-8").removesuffix("\n")
        except KeyError:
            what = f"there is no environment variable {key}" if provider == "env" else f"{path} has no {key}"
        except OSError as error:
            what = f"{error.filename}: {error.strerror}"
        except ValueError:
            what = f"{path or key} cannot be read"
        raise ConfigError(f"{setting.origin}: {setting.name}: {what}")

    if "${" not in setting.text:
        return setting
    return replace(setting, text=_REFERENCE.sub(value, setting.text))


def _of_properties(path: Path) -> dict[str, str]:
    return {line.key: line.value for line in properties_file.parse(path.read_text("latin-1"))}
