"""The story: who joins, who is killed and when, and the conditions for each next scene."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import trio

from kafkalite.tools.demo.actors import Actor
from kafkalite.tools.demo.clients import KafkaError
from kafkalite.tools.demo.evidence import Crash, Evidence, Pass
from kafkalite.tools.demo.ledger import read_ledger
from kafkalite.tools.demo.reports import STOP, Report
from kafkalite.tools.demo.watcher import Watcher

GROUP: Final = "billing"
VICTIM: Final = "A"
STANDBY: Final = "D"
READERS: Final = ("fraud", "recommendations")
BILLERS: Final = ("A", "B", "C", "D")
PARTITIONS: Final = 3

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the story goes; times are seconds."""

    rate: int
    """Clicks a second that the producer asks for."""
    seconds: float
    """The minimum time that it writes; it continues until the standby has taken over."""
    throttle: int
    """Clicks a second that each consumer of `billing` takes at most."""
    session_timeout: float
    heartbeat: float
    commit_every: float
    look_every: float
    scene: float
    """How long each state is shown before the next thing happens."""
    patience: float
    """How long anything may take before the story is given up."""


class StoryStalledError(Exception):
    """Something that must happen did not; the message says what."""


class Story:
    """One telling, on one broker. `evidence` grows while it goes; `tell` is called with a line for each event."""

    def __init__(self, pace: Pace, folder: Path, suffix: str, tell: Callable[[str], None]) -> None:
        """Prepare a story whose files go to `folder`, and whose topic and groups have names that end in `suffix`."""
        self.pace = pace
        self.topic = f"ad_clicks{suffix}"
        self.evidence = Evidence()
        self._suffix = suffix
        self._folder = folder
        self._tell = tell
        self._actors: dict[str, Actor] = {}
        self._changed = trio.Event()
        self._billed: dict[str, int] = {}
        self._committed: dict[str, tuple[int, float]] = {}
        self._asked_at: dict[str, float] = {}
        self._generation: dict[str, int] = {}
        self._heard: set[tuple[str, str]] = set()
        self.progress: dict[str, int] = {}
        """Clicks so far of the producer and of the readers."""

    async def run(self, bootstrap: str) -> None:
        """Run the story to its end on a broker; raises StoryStalledError or ActorFailedError, maybe in a group.

        All processes are gone and the topic and groups are deleted when this returns, raises or is cancelled; the
        ledgers are in the evidence then.
        """
        self._bootstrap = bootstrap
        self._asking = trio.Lock()
        self._watcher = await self._ask(Watcher, bootstrap, self.topic, PARTITIONS)
        try:
            await self._ask(self._watcher.create_topic)
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._watch)
                await self._all_scenes()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                for actor in self._actors.values():
                    await actor.make_sure_it_is_gone()
                with suppress(StoryStalledError):
                    await self._ask(self._watcher.clean_up)
            ledgers = {name: self._ledger(name) for name in BILLERS}
            self.evidence.ledgers = {name: list(read_ledger(path)) for name, path in ledgers.items() if path.exists()}

    async def _all_scenes(self) -> None:
        await self._three_own_one_each()
        await self._clicks_flow()
        await self._a_standby_joins()
        await self._an_owner_dies()
        await self._two_other_groups_begin()
        await self._everything_is_billed()
        await self._the_others_reach_the_end()
        await self._one_rewinds()

    async def _three_own_one_each(self) -> None:
        for name in "ABC":
            await self._start_biller(name)
        await self._until(
            lambda: all(len(self.evidence.owned_by(name)) == 1 for name in "ABC"), "A, B and C own one partition each"
        )
        self._tell("A, B and C own one partition each")

    async def _clicks_flow(self) -> None:
        await self._start(
            "producer", "click_producer", partitions=PARTITIONS, rate=self.pace.rate, seconds=self.pace.seconds
        )
        await self._until(lambda: all(self._billed.get(name, 0) for name in "ABC"), "A, B and C bill clicks")
        self._tell(f"the producer asks for {self.pace.rate:,} clicks/s; A, B and C take {self.pace.throttle:,}/s each")
        await trio.sleep(self.pace.scene)

    async def _a_standby_joins(self) -> None:
        generation = max(self._generation.values())
        await self._start_biller(STANDBY)
        await self._until(
            lambda: self._generation.get(STANDBY, -1) > generation and self._looks_stable_with(STANDBY),
            "D is a member of the group",
        )
        joined_at = time.monotonic()
        (partition,) = self.evidence.owned_by(VICTIM) or {-1}
        self.evidence.crash = Crash(
            victim=VICTIM,
            standby=STANDBY,
            partition=partition,
            session_timeout=self.pace.session_timeout,
            standby_joined_at=joined_at,
        )
        self._tell("D has joined and owns nothing: a hot standby")
        await self._until(
            lambda: any(look.asked_at > joined_at and look.stable for look in self.evidence.looks),
            "the broker shows D idle",
        )
        await trio.sleep(self.pace.scene)

    async def _an_owner_dies(self) -> None:
        crash = self.evidence.crash
        assert crash is not None
        await self._until(self._victim_is_between_commits, "A has billed more than it has committed")
        await self._actors[VICTIM].kill()
        crash.killed_at = time.monotonic()
        crash.heard_at = self._asked_at[VICTIM]
        self.evidence.revoked(VICTIM, None, crash.killed_at)
        self._tell(f"A is dead (SIGKILL); the broker waits for its session of {self.pace.session_timeout:g} s")
        await self._until(lambda: crash.partition in self.evidence.owned_by(STANDBY), "D owns A's partition")
        crash.taken_over_at = next(period.since for period in self.evidence.ownerships if period.member == STANDBY)
        waited = crash.taken_over_at - crash.killed_at
        self._tell(f"D owns partition {crash.partition}, {waited:.1f} s later")
        await self._until(lambda: (STANDBY, "began") in self._heard, "D reads A's partition")
        await self._actors["producer"].tell(STOP)

    async def _two_other_groups_begin(self) -> None:
        for name in READERS:
            await self._start(name, "click_reader", group=name + self._suffix)
        await self._until(
            lambda: all(self.progress.get(name, 0) for name in READERS), "fraud and recommendations read clicks"
        )
        self._tell("fraud and recommendations, groups of their own, read from the beginning")

    async def _everything_is_billed(self) -> None:
        await self._until(
            lambda: ("producer", "finished") in self._heard, "the producer is done", more=self.pace.seconds
        )
        self.evidence.ends = await self._ask(self._watcher.ends)
        rate = self.evidence.sent / self.evidence.seconds
        self._tell(f"the producer is done: {self.evidence.sent:,} clicks, {rate:,.0f}/s")
        ends = {partition: end for partition, end in self.evidence.ends.items() if end}
        backlog = max(ends.values(), default=0) / self.pace.throttle
        await self._until(
            lambda: self.evidence.committed.get(GROUP) == ends, "every click is billed and committed", more=backlog * 3
        )
        for name in (*"BC", STANDBY):
            await self._actors[name].tell(STOP)
            await self._until(partial(self._has_left, name), f"{name} leaves")
        self.evidence.committed_before_reading = await self._committed_by(GROUP)
        self._tell("every click is billed and committed; B, C and D have left")

    async def _the_others_reach_the_end(self) -> None:
        ends = json.dumps(self.evidence.ends)
        for name in READERS:
            await self._actors[name].tell(f"ends {ends}")
        await self._until(
            lambda: all(len(self.evidence.passes.get(name, ())) == 1 for name in READERS),
            "fraud and recommendations read everything",
            more=self._reading_time(),
        )
        self._tell("fraud and recommendations have read every click")

    async def _one_rewinds(self) -> None:
        name = READERS[-1]
        await self._actors[name].tell("rewind")
        await self._until(
            lambda: len(self.evidence.passes[name]) == 2,
            f"{name} replays everything",
            more=self._reading_time(),
        )
        self._tell(f"{name} has gone back to the beginning and replayed every click")
        for reader in READERS:
            await self._actors[reader].tell(STOP)
            await self._until(partial(self._has_left, reader), f"{reader} leaves")
        for group in (GROUP, *READERS):
            self.evidence.committed[group] = await self._committed_by(group)

    # What is seen and heard

    def _hear(self, actor: Actor, report: Report) -> None:
        name, evidence = actor.name, self.evidence
        self._heard.add((name, report.kind))
        if report.kind == "assigned" and name not in READERS:
            evidence.assigned(name, report.details["partitions"], report.at)
        elif report.kind == "revoked" and name not in READERS:
            evidence.revoked(name, report.details["partitions"], report.at)
        elif report.kind == "member":
            self._generation[name] = report.details["generation"]
        elif report.kind == "billed":
            self._billed[name] = report.details["next"]
        elif report.kind == "committed":
            self._committed[name] = max(report.by_partition("offsets").values()), report.at
            self._asked_at[name] = report.details["asked_at"]
        elif report.kind in ("produced", "finished"):
            self.progress[name] = evidence.sent = report.details["sent"]
            evidence.acknowledged = report.details["acknowledged"]
            evidence.seconds = report.details["elapsed"]
        elif report.kind == "reading":
            self.progress[name] = report.details["clicks"]
        elif report.kind == "read":
            evidence.passes.setdefault(name, []).append(
                Pass(
                    clicks=report.details["clicks"],
                    first=report.by_partition("first"),
                    next=report.by_partition("next"),
                    digests=report.by_partition("digests"),
                )
            )
        if report.kind == "finished":
            evidence.unacknowledged = report.details["failed"]
            actor.may_end()
        self._notify()

    async def _watch(self) -> None:
        while True:
            self.evidence.ends = await self._ask(self._watcher.ends)
            look = await self._ask(self._watcher.look, GROUP + self._suffix)
            self.evidence.looks.append(look)
            self.evidence.committed[GROUP] = dict(look.committed)
            for group in READERS:
                self.evidence.committed[group] = await self._committed_by(group)
            self._notify()
            await trio.sleep(self.pace.look_every)

    def _looks_stable_with(self, name: str) -> bool:
        look = self.evidence.looks[-1] if self.evidence.looks else None
        return look is not None and look.stable and name in look.owners

    def _victim_is_between_commits(self) -> bool:
        committed, at = self._committed.get(VICTIM, (0, 0.0))
        fresh = time.monotonic() - at < self.pace.commit_every / 2
        return fresh and self._billed.get(VICTIM, 0) > committed

    def _has_left(self, name: str) -> bool:
        return (name, "left") in self._heard

    def _reading_time(self) -> float:
        slowest = 5_000  # clicks a second that even a busy machine reads
        return sum(self.evidence.ends.values()) / slowest

    # How it is done

    async def _start_biller(self, name: str) -> None:
        await self._start(
            name,
            "click_consumer",
            group=GROUP + self._suffix,
            name=name,
            ledger=self._ledger(name),
            rate=self.pace.throttle,
            commit_every=self.pace.commit_every,
            session_timeout=self.pace.session_timeout,
            heartbeat=self.pace.heartbeat,
        )

    async def _start(self, name: str, module: str, /, **options: object) -> None:
        options = {"bootstrap": self._bootstrap, "topic": self.topic, **options}
        actor = await Actor.start(name, module, self._folder, options)
        self._actors[name] = actor
        self._nursery.start_soon(actor.listen, self._hear)

    def _ledger(self, name: str) -> Path:
        return self._folder / f"{name}.ledger"

    async def _committed_by(self, group: str) -> dict[int, int]:
        return await self._ask(self._watcher.committed, group + self._suffix)

    async def _ask(self, question: Callable[..., _T], *arguments: object) -> _T:
        async with self._asking:
            try:
                return await trio.to_thread.run_sync(partial(question, *arguments))
            except KafkaError as error:
                raise StoryStalledError(f"cannot use the broker {self._bootstrap}: {error}") from None

    async def _until(self, condition: Callable[[], bool], what: str, *, more: float = 0.0) -> None:
        with trio.move_on_after(self.pace.patience + more):
            while not condition():
                await self._changed.wait()
            return
        raise StoryStalledError(f"gave up waiting until {what}")

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
