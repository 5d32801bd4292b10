"""The topics that a broker has from its start: from `NAME:PARTITIONS` lists and from `[topics.NAME]` tables in TOML."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, cast

from kafkalite.config.property import ConfigError
from kafkalite.config.setting import flatten, text_of
from kafkalite.config.toml_file import TomlFile
from kafkalite_storage.errors import InvalidConfig, InvalidTopic
from kafkalite_storage.topic_config import TOPIC_CONFIGS, validate

TOPICS_VARIABLE: Final = "KAFKALITE_TOPICS"
TABLE: Final = "topics"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialRecord:
    """A record that a topic begins with; without a partition, its key or its turn chooses one."""

    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialTopic:
    """A topic to be created unless it exists; without a number of partitions it has ``num.partitions``."""

    name: str
    origin: str
    partitions: int | None = None
    configs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    records: tuple[InitialRecord, ...] = ()


def from_list(text: str, origin: str) -> Iterator[InitialTopic]:
    """Read `orders:3,clicks`; raises ConfigError."""
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, partitions = part.partition(":")
        if colon and not (partitions.isascii() and partitions.isdigit()):
            raise ConfigError(f"{origin}: {part!r} is not of the form TOPIC or TOPIC:PARTITIONS")
        yield _checked(InitialTopic(name=name, origin=origin, partitions=int(partitions) if colon else None))


def from_file(file: TomlFile) -> Iterator[InitialTopic]:
    """Read the tables `[topics.NAME]` of a file; raises ConfigError with the line."""
    topics = file.values.get(TABLE, {})
    if not isinstance(topics, dict):
        raise ConfigError(f"{file.origin(TABLE)}: {TABLE} must be tables: [{TABLE}.NAME]")
    for name, description in cast("dict[str, object]", topics).items():
        path = f"{TABLE}.{name}"
        if not isinstance(description, dict):
            raise ConfigError(f"{file.origin(path)}: {path} must be a table: [{path}]")
        yield _described(file, name, dict(cast("dict[str, object]", description)))


def merged(topics: Iterable[InitialTopic]) -> tuple[InitialTopic, ...]:
    """Collect topics from all sources; raises ConfigError for one that is described twice."""
    by_name: dict[str, InitialTopic] = {}
    for topic in topics:
        other = by_name.setdefault(topic.name, topic)
        if other is not topic:
            raise ConfigError(f"{topic.origin}: topic {topic.name!r} is described already: {other.origin}")
    return tuple(by_name.values())


def _described(file: TomlFile, name: str, description: dict[str, object]) -> InitialTopic:
    path = f"{TABLE}.{name}"
    partitions = description.pop("partitions", None)
    if partitions is not None and (not isinstance(partitions, int) or isinstance(partitions, bool)):
        raise ConfigError(f"{file.origin(path + '.partitions')}: {path}.partitions must be a whole number")
    at = file.origin(f"{path}.records")
    records = description.pop("records", [])
    if not isinstance(records, list):
        raise ConfigError(f"{at}: {path}.records must be a list of tables")
    topic = InitialTopic(
        name=name,
        origin=file.origin(path),
        partitions=partitions,
        configs={key: text_of(value, key, file.origin(f"{path}.{key}")) for key, value in flatten(description)},
        records=tuple(_record(record, f"{at}: {path}.records") for record in cast("list[object]", records)),
    )
    return _checked(topic, file)


def _checked(topic: InitialTopic, file: TomlFile | None = None) -> InitialTopic:
    from kafkalite_storage.topics import check_topic_name  # brings the codec, which most starts can put off

    try:
        check_topic_name(topic.name)
    except InvalidTopic as error:
        raise ConfigError(f"{topic.origin}: {error}") from None
    if topic.partitions is not None and topic.partitions < 1:
        raise ConfigError(f"{topic.origin}: topic {topic.name!r} must have at least one partition")
    for name, value in topic.configs.items():
        try:
            validate({name: value})
        except InvalidConfig as error:
            # The nearest reason for a name that nobody knows: [topics.a.b] is a table b in the topic a.
            at = topic.origin if file is None else file.origin(f"{TABLE}.{topic.name}.{name}")
            hint = "" if name in TOPIC_CONFIGS else "; the name of a topic that has dots needs quotes"
            raise ConfigError(f"{at}: topic {topic.name!r}: {error}{hint}") from None
    return topic


def _record(described: object, where: str) -> InitialRecord:
    if not isinstance(described, dict):
        raise ConfigError(f"{where}: a record must be a table, such as {{ key = 'a', value = 'b' }}")
    record = cast("dict[str, object]", described)
    unknown = sorted(record.keys() - {"key", "value", "headers", "partition"})
    if unknown:
        raise ConfigError(f"{where}: a record has key, value, headers and partition, and no {unknown[0]!r}")
    headers, partition = record.get("headers", {}), record.get("partition")
    if not isinstance(headers, dict):
        raise ConfigError(f"{where}: headers must be a table of texts")
    if partition is not None and (not isinstance(partition, int) or isinstance(partition, bool)):
        raise ConfigError(f"{where}: partition must be a whole number")
    return InitialRecord(
        key=_bytes(record.get("key"), where),
        value=_bytes(record.get("value"), where),
        headers=tuple(
            (name, _bytes(value, where) or b"") for name, value in cast("dict[str, object]", headers).items()
        ),
        partition=partition,
    )


def _bytes(value: object, where: str) -> bytes | None:
    """Encode text as it is, everything else as JSON; what is missing is null."""
    if value is None or isinstance(value, str):
        return value if value is None else value.encode()
    import json

    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from None
