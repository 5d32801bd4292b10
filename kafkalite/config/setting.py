"""Where the values of properties come from: a TOML file, the environment, and `key=value` settings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from kafkalite.config.property import ConfigError
from kafkalite.config.table import ADVERTISED_OUTSIDE, PROPERTIES
from kafkalite.toml_file import Place, TomlFile
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS

CONTROLS_VARIABLE: Final = "KAFKALITE_CONTROLS"
"""The environment variable that says where the controls over HTTP listen."""
ENVIRONMENT_PREFIX: Final = "KAFKALITE_SET_"
_KAFKAS_PREFIX: Final = "KAFKA_"
_SHORT_VARIABLES: Final = {
    "KAFKALITE_LISTEN": "listeners",
    "KAFKALITE_ADVERTISE": "advertised.listeners",
    "KAFKALITE_ADVERTISE_OUTSIDE": ADVERTISED_OUTSIDE,
    "KAFKALITE_DATA": "log.dirs",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A property that somebody set: its text as given, and where, in words or as a place that can be shown."""

    name: str
    text: str
    origin: str | Place


def variable(name: str) -> str:
    """Name the environment variable of a property: `node.id` is `KAFKALITE_SET_NODE_ID`."""
    return ENVIRONMENT_PREFIX + name.upper().replace(".", "_")


def from_environment(environment: Mapping[str, str]) -> Iterator[Setting]:
    """Read the variables that set properties; raises ConfigError for one whose property does not exist."""
    for short, name in _SHORT_VARIABLES.items():
        if short in environment:
            yield Setting(name, environment[short], f"environment variable {short}")
    for key, text in environment.items():
        if key.startswith(ENVIRONMENT_PREFIX):
            name = key.removeprefix(ENVIRONMENT_PREFIX).lower().replace("_", ".")
            yield _known(Setting(name, text, f"environment variable {key}"))


def meant_for_kafkas_image(environment: Mapping[str, str]) -> Iterator[str]:
    """Tell of variables that Apache Kafka's own image would read as properties, which are not read here."""
    for key in environment:
        name = key.removeprefix(_KAFKAS_PREFIX).lower().replace("_", ".")
        if key.startswith(_KAFKAS_PREFIX) and name in PROPERTIES:
            yield f"environment variable {key} is for Apache Kafka's image: here {variable(name)} is read"


def from_arguments(arguments: Iterable[str]) -> Iterator[Setting]:
    """Read `key=value` arguments; raises ConfigError."""
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals:
            raise ConfigError(f"--set: {argument} must have the form key=value")
        yield _known(Setting(name.strip(), text, "--set"))


def from_program(properties: Mapping[str, str]) -> Iterator[Setting]:
    """Read the properties that a program gives; raises ConfigError."""
    return (_known(Setting(name, text, "properties")) for name, text in properties.items())


def from_file(file: TomlFile) -> Iterator[Setting]:
    """Read the properties of a file, as dotted keys, quoted keys or tables; raises ConfigError with the line."""
    for keys, value in flatten({key: value for key, value in file.values.items() if key != "topics"}):
        name, origin = ".".join(keys), file.place(*keys)
        yield _known(Setting(name, text_of(value, name, origin), origin))


def flatten(table: Mapping[str, object], *keys: str) -> Iterator[tuple[tuple[str, ...], object]]:
    """Give the values of a table, and of the tables in it, each with the keys that lead to it."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flatten(cast("dict[str, object]", value), *keys, key)
        else:
            yield (*keys, key), value


def text_of(value: object, name: str, origin: Place) -> str:
    """Give a value of TOML as Kafka would have it in a properties file; raises ConfigError."""
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
    if setting.name in PROPERTIES:
        return setting
    topic_config = TOPIC_CONFIGS.get(setting.name)
    if topic_config is not None and topic_config.broker_names:
        hint = (
            f"; it is a configuration of single topics, whose default is the property {topic_config.broker_names[0][0]}"
        )
    else:
        from difflib import get_close_matches

        nearest = get_close_matches(setting.name, PROPERTIES, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
    raise ConfigError(f"{setting.origin}: unknown property {setting.name!r}{hint}")
