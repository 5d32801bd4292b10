"""What groups may set within the bounds of the broker, and which properties of groups change while it runs."""

from typing import Final

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.conversations.config_changes import incremental, replacing
from kafkalite_conformance.differential.talk import Talk

_BROKER, _GROUP = 4, 32
_SET, _DELETE = 0, 1

_LIMITS: Final = (
    ("consumer.heartbeat.interval.ms", 100, 15_000),
    ("consumer.session.timeout.ms", 1_000, 60_000),
    ("consumer.assignment.interval.ms", 0, 15_000),
    ("share.heartbeat.interval.ms", 5_000, 15_000),
    ("share.session.timeout.ms", 45_000, 60_000),
    ("share.assignment.interval.ms", 0, 15_000),
    ("share.delivery.count.limit", 2, 10),
    ("share.partition.max.record.locks", 100, 4_000),
    ("share.record.lock.duration.ms", 15_000, 60_000),
    ("streams.heartbeat.interval.ms", 100, 15_000),
    ("streams.session.timeout.ms", 1_000, 60_000),
    ("streams.assignment.interval.ms", 0, 15_000),
    ("streams.num.standby.replicas", 0, 2),
)
"""The least and greatest values with the settings that both brokers are started with."""


@conversation
async def each_limit_is_allowed_and_nothing_beyond(talk: Talk) -> None:
    """With both requests, on trial and in earnest."""
    voice = await talk.voice()
    for name, least, most in _LIMITS:
        group = talk.name()
        kind = name.partition(".")[0]
        if name.endswith("heartbeat.interval.ms"):
            # The session has to be longer.
            await voice.ask(incremental(_GROUP, group, (f"{kind}.session.timeout.ms", _SET, "60000")), 1, "a session")
        for value in (least - 1, least, most, most + 1):
            for trial in (True, False):
                note = f"{name} {value}" + (" on trial" if trial else "")
                await voice.ask(incremental(_GROUP, group, (name, _SET, str(value)), trial=trial), 1, note)
            await voice.ask(replacing(_GROUP, talk.name(), (name, str(value)), trial=True), 2, f"{name} {value}")


@conversation
async def a_session_is_longer_than_the_time_between_heartbeats(talk: Talk) -> None:
    """Whether the group sets one of the two, or both, or has set one before."""
    voice = await talk.voice()
    for kind, session, heartbeat in (("consumer", 6_000, 300), ("share", 45_000, 5_000), ("streams", 6_000, 300)):
        timeout, interval = f"{kind}.session.timeout.ms", f"{kind}.heartbeat.interval.ms"
        group = talk.name()
        for note, changes in (
            ("a heartbeat of the broker's session", ((interval, _SET, str(min(session, 15_000))),)),
            ("a heartbeat just below it", ((interval, _SET, str(min(session, 15_000) - 1)),)),
            ("a session as long as the heartbeat", ((timeout, _SET, str(min(session, 15_000) - 1)),)),
            ("a session that is longer", ((timeout, _SET, str(session)),)),
            ("both alike", ((timeout, _SET, str(session)), (interval, _SET, str(session)))),
            ("both as the broker", ((timeout, _SET, str(session)), (interval, _SET, str(heartbeat)))),
            ("a rare heartbeat", ((timeout, _SET, "60000"), (interval, _SET, "7000"))),
            ("the broker's session", ((timeout, _DELETE, None),)),
            ("no heartbeat", ((interval, _DELETE, None),)),
            ("no session", ((timeout, _DELETE, None),)),
        ):
            for trial in (True, False):
                shown = f"{kind}: {note}" + (" on trial" if trial else "")
                await voice.ask(incremental(_GROUP, group, *changes, trial=trial), 1, shown)


@conversation
async def other_rules_of_group_configurations(talk: Talk) -> None:
    """Tags are named once, and dead letters do not go to internal topics."""
    voice = await talk.voice()
    for name, value in (
        ("streams.rack.aware.assignment.tags", "zone,zone"),
        ("streams.rack.aware.assignment.tags", "zone , zone"),
        ("streams.rack.aware.assignment.tags", "zone,rack"),
        ("errors.deadletterqueue.topic.name", "__dlq"),
        ("errors.deadletterqueue.topic.name", "dlq.a"),
        ("errors.deadletterqueue.topic.name", "other"),
        ("streams.assignor.name", "no.such"),
        ("share.delivery.count.limit", "1"),
    ):
        await voice.ask(incremental(_GROUP, talk.name(), (name, _SET, value), trial=True), 1, f"{name} {value}")


@conversation
async def properties_of_groups_change_while_the_broker_runs(talk: Talk) -> None:
    """Only the assignment intervals do, within their bounds; on trial."""
    voice = await talk.voice()
    for kind in ("consumer", "share", "streams"):
        for name, values in (
            (f"group.{kind}.assignment.interval.ms", ("-1", "0", "2000", "15000", "15001", "soon")),
            (f"group.{kind}.min.assignment.interval.ms", ("10",)),
            (f"group.{kind}.max.heartbeat.interval.ms", ("14000",)),
            (f"group.{kind}.heartbeat.interval.ms", ("5000",)),
            (f"group.{kind}.session.timeout.ms", ("50000",)),
        ):
            for value in values:
                for broker in ("1", ""):
                    note = f"{name} {value} of {broker or 'all'}"
                    await voice.ask(incremental(_BROKER, broker, (name, _SET, value), trial=True), 1, note)
