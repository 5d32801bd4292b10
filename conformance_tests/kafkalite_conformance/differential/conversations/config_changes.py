"""AlterConfigs, IncrementalAlterConfigs and ListConfigResources, of every kind of resource."""

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages import alter_configs, incremental_alter_configs
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.list_config_resources import ListConfigResourcesRequest

_TOPIC, _BROKER, _LOGGER, _METRICS, _GROUP = 2, 4, 8, 16, 32
_SET, _DELETE, _APPEND, _SUBTRACT = range(4)
_Changes = tuple[tuple[str, int, str | None], ...]


def incremental(kind: int, name: str, *changes: tuple[str, int, str | None], trial: bool = False) -> object:
    """Return a request to change single configurations."""
    configs = tuple(
        incremental_alter_configs.AlterableConfig(name=key, config_operation=operation, value=value)
        for key, operation, value in changes
    )
    row = incremental_alter_configs.AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    return incremental_alter_configs.IncrementalAlterConfigsRequest(resources=(row,), validate_only=trial)


def replacing(kind: int, name: str, *values: tuple[str, str | None], trial: bool = False) -> object:
    """Return a request to replace all configurations."""
    configs = tuple(alter_configs.AlterableConfig(name=key, value=value) for key, value in values)
    row = alter_configs.AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    return alter_configs.AlterConfigsRequest(resources=(row,), validate_only=trial)


def described(kind: int, name: str) -> DescribeConfigsRequest:
    """Return a request to describe all configurations."""
    row = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=None)
    return DescribeConfigsRequest(resources=(row,), include_synonyms=True)


@conversation
async def topics_are_configured(talk: Talk) -> None:
    """One by one and all at once, in every version."""
    topic, missing = await talk.topic(), talk.name()
    voice = await talk.voice()
    for version in range(2):
        for note, name, changes in (
            ("set", topic, (("retention.ms", _SET, "1000"),)),
            ("set again", topic, (("retention.ms", _SET, "1000"), ("segment.ms", _SET, "5000"))),
            ("deleted", topic, (("retention.ms", _DELETE, None),)),
            ("deleted with a value", topic, (("segment.ms", _DELETE, "7"),)),
            ("what is not set deleted", topic, (("retention.ms", _DELETE, None),)),
            ("an unknown one deleted", topic, (("no.such", _DELETE, None),)),
            ("appended", topic, (("cleanup.policy", _APPEND, "compact"),)),
            ("appended again", topic, (("cleanup.policy", _APPEND, "compact"),)),
            ("subtracted", topic, (("cleanup.policy", _SUBTRACT, "delete"),)),
            ("subtracted to nothing", topic, (("cleanup.policy", _SUBTRACT, "compact"),)),
            ("appended to a number", topic, (("retention.ms", _APPEND, "1"),)),
            ("subtracted from a number", topic, (("retention.ms", _SUBTRACT, "1"),)),
            ("appended to an unknown one", topic, (("no.such", _APPEND, "1"),)),
            ("bad", topic, (("retention.ms", _SET, "soon"),)),
            ("null", topic, (("retention.ms", _SET, None),)),
            ("unknown", topic, (("no.such", _SET, "1"),)),
            ("empty name", topic, (("", _SET, "1"),)),
            ("twice", topic, (("retention.ms", _SET, "1"), ("retention.ms", _SET, "2"))),
            ("one good, one bad", topic, (("retention.ms", _SET, "1"), ("segment.bytes", _SET, "1"))),
            ("nothing", topic, ()),
            ("an unknown topic", missing, (("retention.ms", _SET, "1"),)),
            ("an empty topic", "", (("retention.ms", _SET, "1"),)),
            ("a bad topic", "a b", (("retention.ms", _SET, "1"),)),
        ):
            for trial in (True, False):
                await voice.ask(incremental(_TOPIC, name, *changes, trial=trial), version, _noted(note, trial))
        await voice.ask(described(_TOPIC, topic), 4, "after single changes")
    for version in range(3):
        for note, name, values in (
            ("set", topic, (("retention.ms", "1000"),)),
            ("another", topic, (("segment.ms", "1000"),)),
            ("bad", topic, (("retention.ms", "soon"),)),
            ("null", topic, (("retention.ms", None),)),
            ("unknown", topic, (("no.such", "1"),)),
            ("twice", topic, (("retention.ms", "1"), ("retention.ms", "2"))),
            ("an unknown topic", missing, (("retention.ms", "1"),)),
            ("an empty topic", "", ()),
            ("nothing", topic, ()),
        ):
            for trial in (True, False):
                await voice.ask(replacing(_TOPIC, name, *values, trial=trial), version, _noted(note, trial))
            await voice.ask(described(_TOPIC, topic), 4, f"after {note}")


@conversation
async def groups_are_configured(talk: Talk) -> None:
    """Within the limits of the broker and beyond."""
    group = talk.name()
    voice = await talk.voice()
    for version in range(2):
        for note, name, changes in (
            ("set", group, (("consumer.session.timeout.ms", _SET, "50000"),)),
            (
                "several",
                group,
                (("share.isolation.level", _SET, "read_committed"), ("streams.num.standby.replicas", _SET, "1")),
            ),
            ("too small", group, (("consumer.session.timeout.ms", _SET, "1"),)),
            ("too large", group, (("consumer.session.timeout.ms", _SET, "10000000"),)),
            ("a heartbeat too rare", group, (("consumer.heartbeat.interval.ms", _SET, "16000"),)),
            ("a heartbeat as rare as may be", group, (("consumer.heartbeat.interval.ms", _SET, "15000"),)),
            ("a heartbeat too frequent", group, (("consumer.heartbeat.interval.ms", _SET, "4999"),)),
            ("too many standby replicas", group, (("streams.num.standby.replicas", _SET, "3"),)),
            ("too few locks", group, (("share.partition.max.record.locks", _SET, "99"),)),
            ("too many deliveries", group, (("share.delivery.count.limit", _SET, "11"),)),
            ("a lock too long", group, (("share.record.lock.duration.ms", _SET, "60001"),)),
            ("a bad level", group, (("share.isolation.level", _SET, "none"),)),
            ("a bad reset", group, (("share.auto.offset.reset", _SET, "none"),)),
            ("a reset", group, (("share.auto.offset.reset", _SET, "earliest"),)),
            ("a reset by duration", group, (("share.auto.offset.reset", _SET, "by_duration:PT1H"),)),
            ("a bad boolean", group, (("share.renew.acknowledge.enable", _SET, "yes"),)),
            ("an unknown assignor", group, (("streams.assignor.name", _SET, "no.such"),)),
            ("an assignor", group, (("streams.assignor.name", _SET, "sticky"),)),
            ("no number", group, (("consumer.session.timeout.ms", _SET, "soon"),)),
            ("unknown", group, (("no.such", _SET, "1"),)),
            ("unknown, deleted", group, (("no.such", _DELETE, None),)),
            ("null", group, (("consumer.session.timeout.ms", _SET, None),)),
            ("appended to a number", group, (("consumer.session.timeout.ms", _APPEND, "1"),)),
            ("tags", group, (("streams.rack.aware.assignment.tags", _APPEND, "a,b"),)),
            ("fewer tags", group, (("streams.rack.aware.assignment.tags", _SUBTRACT, "a"),)),
            ("a dead letter topic", group, (("errors.deadletterqueue.topic.name", _SET, "dlq.t"),)),
            ("a bad dead letter topic", group, (("errors.deadletterqueue.topic.name", _SET, "a b"),)),
            ("deleted", group, (("consumer.session.timeout.ms", _DELETE, None),)),
            ("twice", group, (("share.isolation.level", _SET, "a"), ("share.isolation.level", _SET, "b"))),
            ("an empty name", "", (("consumer.session.timeout.ms", _SET, "50000"),)),
            ("nothing", group, ()),
        ):
            for trial in (True, False):
                await voice.ask(incremental(_GROUP, name, *changes, trial=trial), version, _noted(note, trial))
            await voice.ask(described(_GROUP, group), 4, f"after {note}")
    for version in range(3):
        for note, values in (
            ("set", (("consumer.session.timeout.ms", "50000"),)),
            ("another", (("share.isolation.level", "read_committed"),)),
            ("unknown", (("no.such", "1"),)),
            ("nothing", ()),
        ):
            await voice.ask(replacing(_GROUP, group, *values), version, note)
            await voice.ask(described(_GROUP, group), 4, f"after {note}")


@conversation
async def client_metrics_are_configured(talk: Talk) -> None:
    """Subscriptions with every mistake, listed and described."""
    name = talk.name()
    voice = await talk.voice()
    for version in range(2):
        for note, of, changes in (
            ("set", name, (("interval.ms", _SET, "1000"), ("metrics", _SET, "a.,b."))),
            ("too often", name, (("interval.ms", _SET, "99"),)),
            ("too seldom", name, (("interval.ms", _SET, "3600001"),)),
            ("no number", name, (("interval.ms", _SET, "soon"),)),
            ("a match", name, (("match", _SET, "client_id=a.*,client_software_name=b"),)),
            ("a bad key to match", name, (("match", _SET, "planet=earth"),)),
            ("a bad pattern", name, (("match", _SET, "client_id=["),)),
            ("no pattern", name, (("match", _SET, "client_id"),)),
            ("unknown", name, (("no.such", _SET, "1"),)),
            ("appended", name, (("metrics", _APPEND, "c."),)),
            ("subtracted", name, (("metrics", _SUBTRACT, "a."),)),
            ("appended to a number", name, (("interval.ms", _APPEND, "1"),)),
            ("null", name, (("metrics", _SET, None),)),
            ("deleted", name, (("metrics", _DELETE, None),)),
            ("an empty name", "", (("interval.ms", _SET, "1000"),)),
            ("all deleted", name, (("interval.ms", _DELETE, None), ("match", _DELETE, None))),
        ):
            for trial in (True, False):
                await voice.ask(incremental(_METRICS, of, *changes, trial=trial), version, _noted(note, trial))
            await voice.ask(described(_METRICS, name), 4, f"after {note}")
            await voice.ask(ListConfigResourcesRequest(resource_types=()), 0, f"after {note}")
    for version in range(3):
        await voice.ask(replacing(_METRICS, name, ("interval.ms", "2000")), version, "replaced")
        await voice.ask(described(_METRICS, name), 4, "after that")
        await voice.ask(replacing(_METRICS, name), version, "with nothing")


@conversation
async def brokers_are_configured(talk: Talk) -> None:
    """On trial only, but for loggers that there are not."""
    voice = await talk.voice()
    for kind in (_BROKER, _LOGGER, 0, 1, 3, 99):
        for name in ("1", "", "9", "x"):
            for note, changes in (
                ("set", (("log.cleaner.threads", _SET, "2"),)),
                ("deleted", (("log.cleaner.threads", _DELETE, None),)),
                ("appended", (("log.cleaner.threads", _APPEND, "2"),)),
                ("replicas in sync", (("min.insync.replicas", _SET, "1"),)),
                ("replicas in sync deleted", (("min.insync.replicas", _DELETE, None),)),
                ("root", (("root", _SET, "INFO"),)),
                ("root at no level", (("root", _SET, "LOUD"),)),
                ("root at a small level", (("root", _SET, "info"),)),
                ("root deleted", (("root", _DELETE, None),)),
                ("root appended", (("root", _APPEND, "INFO"),)),
                ("nothing", ()),
            ):
                if kind != _BROKER and "root" not in note and changes:
                    continue
                if kind == _BROKER and "root" in note:
                    continue
                for version in range(2):
                    await voice.ask(incremental(kind, name, *changes, trial=True), version, f"{kind} {name!r}, {note}")
            for version in range(3):
                for key, value in (("log.cleaner.threads", "2"), ("min.insync.replicas", "1")):
                    await voice.ask(replacing(kind, name, (key, value), trial=True), version, f"{kind} {name!r}, {key}")
    await voice.ask(incremental(_LOGGER, "1", ("no.such", _SET, "INFO")), 1, "an unknown logger")


@conversation
async def resources_are_listed(talk: Talk) -> None:
    """Of every type that there is, and of others."""
    topic = await talk.topic()
    group = talk.name()
    voice = await talk.voice()
    await voice.ask(incremental(_GROUP, group, ("share.isolation.level", _SET, "read_committed")), 1)
    await voice.ask(ListConfigResourcesRequest(resource_types=()), 0, f"after {topic}")
    for types in (
        (),
        (_TOPIC,),
        (_BROKER,),
        (_LOGGER,),
        (_METRICS,),
        (_GROUP,),
        (_TOPIC, _TOPIC),
        (_TOPIC, _GROUP),
        (0,),
        (1,),
        (99,),
        (_TOPIC, 99),
    ):
        await voice.ask(ListConfigResourcesRequest(resource_types=types), 1, f"types {types}")
    await voice.ask(incremental(_GROUP, group, ("share.isolation.level", _DELETE, None)), 1)
    await voice.ask(ListConfigResourcesRequest(resource_types=(_GROUP,)), 1, "after it was deleted")


def _noted(note: str, trial: bool) -> str:
    return f"{note}, on trial" if trial else note
