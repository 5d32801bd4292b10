"""Sources of properties: files in Kafka's format or TOML, the environment, and `key=value` settings."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, cast

from kafkalite.config import properties_file, toml_file
from kafkalite.config.properties_file import Line, PropertiesError
from kafkalite.config.property import ConfigError
from kafkalite.config.table import ADVERTISED_OUTSIDE, PROPERTIES
from kafkalite.config.toml_file import Place, TomlError, TomlFile
from kafkalite.config.without_effect import foreign
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS
from kafkalite_wire.values import value_class

CONTROLS_VARIABLE: Final = "KAFKALITE_CONTROLS"
"""The environment variable that says where the controls over HTTP listen."""
CONTROLS_TOKEN_VARIABLE: Final = "KAFKALITE_CONTROLS_TOKEN"  # noqa: S105  # the name of a variable
"""The environment variable with the token that the controls ask for."""
ENVIRONMENT_PREFIX: Final = "KAFKALITE_SET_"
_KAFKA_PREFIX: Final = re.compile("KAFKA_(CFG_)?")
"""The prefix of variables that the images of Apache Kafka, Confluent and (with CFG) Bitnami read."""
_SHORT_VARIABLES: Final = {
    "KAFKALITE_LISTEN": "listeners",
    "KAFKALITE_ADVERTISE": "advertised.listeners",
    "KAFKALITE_ADVERTISE_OUTSIDE": ADVERTISED_OUTSIDE,
    "KAFKALITE_DATA": "log.dirs",
}


@value_class
class Setting:
    """A property that was set: its text as given, and where."""

    name: str
    text: str
    origin: str | Place


@value_class
class PropertiesFile:
    """A file in Kafka's own format."""

    path: Path
    lines: tuple[Line, ...]


def variable(name: str) -> str:
    """Return the name of a property's environment variable: `node.id` is `KAFKALITE_SET_NODE_ID`."""
    return ENVIRONMENT_PREFIX + name.upper().replace(".", "_")


def from_environment(environment: Mapping[str, str]) -> Iterator[Setting]:
    """Read the variables that set properties; raises ConfigError for one whose property does not exist.

    Variables for Kafka's images win over the short ones, because kafkalite's image sets some of those.
    """
    for short, name in _SHORT_VARIABLES.items():
        if short in environment:
            yield Setting(name, environment[short], f"environment variable {short}")
    yield from _from_variables_for_kafka(environment)
    for key, text in environment.items():
        if key.startswith(ENVIRONMENT_PREFIX):
            name = key.removeprefix(ENVIRONMENT_PREFIX).lower().replace("_", ".")
            yield _known(Setting(name, text, f"environment variable {key}"))


def _from_variables_for_kafka(environment: Mapping[str, str]) -> Iterator[Setting]:
    """Read variables as Kafka's images do; others with the prefix, such as KAFKA_HEAP_OPTS, are not properties."""
    found: dict[str, Setting] = {}
    for key, text in environment.items():
        prefix = _KAFKA_PREFIX.match(key)
        if prefix is None:
            continue
        # In these names, _ stands for a dot, __ for an underscore and ___ for a dash.
        name = re.sub("_{1,3}", lambda run: "._-"[len(run[0]) - 1], key[prefix.end() :].lower())
        if name in PROPERTIES or foreign(name):
            found[name] = Setting(name, text, f"environment variable {key}")
    if "advertised.listeners" in found and "listeners" not in found:
        # Confluent's image listens on the ports that it advertises.
        advertised = found["advertised.listeners"]
        listeners = re.sub(r"(?<=://)[^,]*(?=:[0-9]+\s*(?:,|$))", "", advertised.text)
        yield Setting("listeners", listeners, advertised.origin)
    yield from found.values()


def from_arguments(arguments: Iterable[str]) -> Iterator[Setting]:
    """Read `key=value` arguments; raises ConfigError."""
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals:
            raise ConfigError(f"--set: {argument} must have the form key=value")
        yield _known(Setting(name.strip(), text, "--set"))


def from_program(properties: Mapping[str, str]) -> Iterator[Setting]:
    """Read the properties of a program's call; raises ConfigError."""
    return (_known(Setting(name, text, "properties")) for name, text in properties.items())


def files_of(path: Path) -> list[TomlFile | PropertiesFile]:
    """Read a file, or those of a folder that end with .toml or .properties, by name; raises ConfigError."""
    if not path.is_dir():
        return [_read(path)]
    return [_read(file) for file in sorted(path.iterdir()) if file.suffix in (".toml", ".properties")]


def from_file(file: TomlFile | PropertiesFile) -> Iterator[Setting]:
    """Return the properties of a file; raises ConfigError with the line."""
    if isinstance(file, PropertiesFile):
        for line in file.lines:
            yield _known(Setting(line.key, line.value, f"{file.path}:{line.number}"))
        return
    for keys, value in flatten({key: value for key, value in file.values.items() if key != "topics"}):
        name, origin = ".".join(keys), file.place(*keys)
        yield _known(Setting(name, text_of(value, name, origin), origin))


def properties_of(path: Path) -> Iterator[Setting]:
    """Read any properties of a file in Kafka's format; raises ConfigError."""
    return (Setting(line.key, line.value, f"{path}:{line.number}") for line in _read_properties(path).lines)


def _read(path: Path) -> TomlFile | PropertiesFile:
    """Read a file in the format of its suffix; without one of the two, as TOML if it is TOML, or else as properties."""
    if path.suffix == ".properties":
        return _read_properties(path)
    try:
        return toml_file.read(path)
    except TomlError as error:
        if path.suffix != ".toml" and path.is_file():
            return _read_properties(path)
        raise ConfigError(str(error)) from None


def _read_properties(path: Path) -> PropertiesFile:
    try:
        # Kafka reads the file as Latin-1, like every Java properties file.
        return PropertiesFile(path, tuple(properties_file.parse(path.read_text("latin-1"))))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except PropertiesError as error:
        raise ConfigError(f"{path}:{error}") from None


def flatten(table: Mapping[str, object], *keys: str) -> Iterator[tuple[tuple[str, ...], object]]:
    """Return the values of a table and of the tables in it, each with the keys that lead to it."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flatten(cast("dict[str, object]", value), *keys, key)
        else:
            yield (*keys, key), value


def text_of(value: object, name: str, origin: Place) -> str:
    """Write a TOML value as in a properties file; raises ConfigError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return str(value)
    if isinstance(value, list):
        items = cast("list[object]", value)
        if all(isinstance(item, int | str) for item in items):
            return ",".join(str(item) for item in items)
    raise ConfigError(f"{origin}: {name} must be text, a number, true, false, or a list of texts")


def _known(setting: Setting) -> Setting:
    if setting.name in PROPERTIES or foreign(setting.name):
        return setting
    topic_config = TOPIC_CONFIGS.get(setting.name)
    if topic_config is not None and topic_config.broker_names:
        hint = f"; it configures single topics, and its default is the property {topic_config.broker_names[0][0]}"
    else:
        from difflib import get_close_matches

        nearest = get_close_matches(setting.name, PROPERTIES, n=3, cutoff=0.8)
        hint = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
    raise ConfigError(f"{setting.origin}: unknown property {setting.name!r}{hint}")
