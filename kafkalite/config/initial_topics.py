"""The topics that a broker has from its start: from `NAME:PARTITIONS` lists and from `[topics.NAME]` tables in TOML."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Final, cast

from kafkalite.config.property import ConfigError
from kafkalite.config.setting import flatten, text_of
from kafkalite.config.toml_file import Place, TomlFile
from kafkalite.record_json import bytes_of
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS, validate
from kafkalite_storage.errors import InvalidConfig, InvalidTopic
from kafkalite_wire.values import value_class

TOPICS_VARIABLE: Final = "KAFKALITE_TOPICS"
TABLE: Final = "topics"


@value_class(kw_only=True)
class InitialRecord:
    """A record that a topic begins with; without a partition, its key or its turn chooses one."""

    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


@value_class(kw_only=True)
class InitialTopic:
    """A topic to be created unless it exists; without a number of partitions it has ``num.partitions``."""

    name: str
    origin: str | Place
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
        raise ConfigError(f"{file.place(TABLE)}: {TABLE} must be tables: [{TABLE}.NAME]")
    for name, description in cast("dict[str, object]", topics).items():
        path = f"{TABLE}.{name}"
        if not isinstance(description, dict):
            raise ConfigError(f"{file.place(TABLE, name)}: {path} must be a table: [{path}]")
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
    path, at = f"{TABLE}.{name}", file.place(TABLE, name)
    partitions = description.pop("partitions", None)
    if partitions is not None and (not isinstance(partitions, int) or isinstance(partitions, bool)):
        raise ConfigError(f"{file.place(TABLE, name, 'partitions')}: {path}.partitions must be a whole number")
    records = description.pop("records", [])
    if not isinstance(records, list):
        raise ConfigError(f"{file.place(TABLE, name, 'records')}: {path}.records must be a list of tables")
    given = {".".join(keys): (file.place(TABLE, name, *keys), value) for keys, value in flatten(description)}
    topic = InitialTopic(
        name=name,
        origin=at,
        partitions=partitions,
        configs={key: text_of(value, key, origin) for key, (origin, value) in given.items()},
        records=tuple(
            _record(record, file.place(TABLE, name, "records", number), f"{path}.records")
            for number, record in enumerate(cast("list[object]", records))
        ),
    )
    return _checked(topic, {key: origin for key, (origin, _) in given.items()})


def _checked(topic: InitialTopic, origins: Mapping[str, Place] | None = None) -> InitialTopic:
    from kafkalite_storage.metadata.topics import check_topic_name  # brings the codec, which most starts can put off

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
            # The likely reason for an unknown name: [topics.a.b] is a table b in the topic a.
            at = topic.origin if origins is None else origins[name]
            hint = "" if name in TOPIC_CONFIGS else "; the name of a topic that has dots needs quotes"
            raise ConfigError(f"{at}: topic {topic.name!r}: {error}{hint}") from None
    return topic


def _record(described: object, at: Place, path: str) -> InitialRecord:
    def problem(what: object) -> ConfigError:
        return ConfigError(f"{at}: {path}: {what}")

    if not isinstance(described, dict):
        raise problem("a record must be a table, such as { key = 'a', value = 'b' }")
    record = cast("dict[str, object]", described)
    unknown = sorted(record.keys() - {"key", "value", "headers", "partition"})
    if unknown:
        raise problem(f"a record has key, value, headers and partition, and no {unknown[0]!r}")
    headers, partition = record.get("headers", {}), record.get("partition")
    if not isinstance(headers, dict):
        raise problem("headers must be a table of texts")
    if partition is not None and (not isinstance(partition, int) or isinstance(partition, bool)):
        raise problem("partition must be a whole number")
    try:
        return InitialRecord(
            key=bytes_of(record.get("key")),
            value=bytes_of(record.get("value")),
            headers=tuple((name, bytes_of(value) or b"") for name, value in cast("dict[str, object]", headers).items()),
            partition=partition,
        )
    except TypeError as error:
        raise problem(error) from None
