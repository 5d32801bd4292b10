"""InitProducerId with a transactional id, AddPartitionsToTxn, AddOffsetsToTxn, and their coordinator."""

from typing import Final

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_conformance.differential.transactional import (
    TransactionalProducer,
    producer,
    ready_producer,
    topic_rows,
)
from kafkalite_wire.messages.add_partitions_to_txn import AddPartitionsToTxnRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest

_INITS: Final = range(6)
_ADDITIONS: Final = range(6)
_BATCHED_SINCE: Final = 4
_OFFSET_ADDITIONS: Final = range(5)
_NAMES_ITSELF_SINCE: Final = 3
_TRANSACTIONS: Final = 1
_SEVERAL_KEYS_SINCE: Final = 4
_LONGEST_TIMEOUT_MS: Final = 900_000
_LAST_EPOCH: Final = 32_767


@conversation
async def coordinators_of_transactions(talk: Talk) -> None:
    """Found in every version, for one id and for several."""
    name = await talk.transactional_id()
    voice = await talk.voice()
    for version in range(1, 7):
        for note, keys in (("one", (name,)), ("empty", ("",)), ("two", (name, talk.name())), ("none", ())):
            if version >= _SEVERAL_KEYS_SINCE:
                request = FindCoordinatorRequest(key_type=_TRANSACTIONS, coordinator_keys=keys)
                await voice.ask(request, version, note)
            elif len(keys) == 1:
                await voice.ask(FindCoordinatorRequest(key=keys[0], key_type=_TRANSACTIONS), version, note)


@conversation
async def transactional_ids_are_new_and_known(talk: Talk) -> None:
    """An id in every version: at first, again, and as the producer that it knows."""
    for version in _INITS:
        each = await producer(talk)
        await each.init("new", version=version)
        await each.init("again", version=version)
        await each.describe()
        if version < _NAMES_ITSELF_SINCE:
            continue
        await each.init("itself", version=version, producer_id=each.producer_id, epoch=each.epoch)
        await each.init("a retry", version=version, producer_id=each.producer_id, epoch=each.epoch - 1)
        for note, producer_id, epoch in (
            ("an older epoch", each.producer_id, 0),
            ("an epoch to come", each.producer_id, each.epoch + 1),
            ("the last epoch", each.producer_id, _LAST_EPOCH),
            ("another producer id", each.producer_id + 100_000, each.epoch),
            ("only an id", each.producer_id, -1),
            ("only an epoch", -1, each.epoch),
            ("a negative id", -5, each.epoch),
            ("a negative epoch", each.producer_id, -5),
        ):
            request = InitProducerIdRequest(
                transactional_id=each.transactional_id,
                transaction_timeout_ms=60_000,
                producer_id=producer_id,
                producer_epoch=epoch,
            )
            await each.voice.ask(request, version, note)
            await each.describe()


@conversation
async def a_new_transactional_id_that_claims_a_producer(talk: Talk) -> None:
    """The coordinator knows nothing of it."""
    voice = await talk.voice()
    for version in range(_NAMES_ITSELF_SINCE, 6):
        for producer_id, epoch in ((1000, 0), (1000, 7), (0, 0), (1000, _LAST_EPOCH), (1000, _LAST_EPOCH - 1)):
            name = await talk.transactional_id()
            request = InitProducerIdRequest(
                transactional_id=name, transaction_timeout_ms=60_000, producer_id=producer_id, producer_epoch=epoch
            )
            await voice.ask(request, version, f"id {producer_id}, epoch {epoch}")
            await voice.ask(request, version, f"id {producer_id}, epoch {epoch}, again")


@conversation
async def timeouts_of_transactions(talk: Talk) -> None:
    """Those that are allowed, and others; of a new id and of a known one."""
    for version in _INITS:
        known = await ready_producer(talk)
        for timeout_ms in (1, 0, -1, -(2**31), _LONGEST_TIMEOUT_MS, _LONGEST_TIMEOUT_MS + 1, 2**31 - 1):
            each = await producer(talk)
            await each.init(f"{timeout_ms} ms, new", version=version, timeout_ms=timeout_ms)
            await each.describe()
            await known.init(f"{timeout_ms} ms, known", version=version, timeout_ms=timeout_ms)
            await known.describe()
        request = InitProducerIdRequest(transactional_id="", transaction_timeout_ms=60_000)
        await known.voice.ask(request, version, "an empty id")
        request = InitProducerIdRequest(transactional_id="", transaction_timeout_ms=0)
        await known.voice.ask(request, version, "an empty id, no time")


@conversation
async def producers_begin_over_an_open_transaction(talk: Talk) -> None:
    """Which is aborted; the producer before is fenced."""
    topic = await talk.topic()
    for version in _INITS:
        for before in (1, 2):
            old = await ready_producer(talk, "old", version=before)
            new = await producer(talk, "new", transactional_id=old.transactional_id)
            words = f"version {before} before"
            await old.begin(topic, note=words)
            await new.describe(words)
            await new.init(words, version=version)
            await new.describe(words)
            await old.write(topic, note=f"{words}, fenced")
            await old.add({topic: (0,)}, f"{words}, fenced")
            await old.end(f"{words}, fenced", commit=True)
            await old.end(f"{words}, fenced", commit=False)
            await new.describe_producers(topic, note=words)
            if version >= _NAMES_ITSELF_SINCE:
                await old.init(f"{words}, fenced", version=version, producer_id=old.producer_id, epoch=old.epoch)
                await new.init(f"{words}, itself", version=version, producer_id=new.producer_id, epoch=new.epoch)


@conversation
async def producers_begin_over_their_own_open_transaction(talk: Talk) -> None:
    """They name themselves (KIP-360)."""
    topic = await talk.topic()
    for version in range(_NAMES_ITSELF_SINCE, 6):
        for kind in (1, 2):
            each = await ready_producer(talk, version=kind)
            words = f"version {kind}"
            await each.begin(topic, note=words)
            old_id, old_epoch = each.producer_id, each.epoch
            await each.init(words, version=version, producer_id=old_id, epoch=old_epoch)
            await each.describe(words)
            await each.init(f"{words}, as before", version=version, producer_id=old_id, epoch=old_epoch)
            await each.describe(words)
            await each.begin(topic, note=words)
            await each.finish(words, commit=True)
            await each.describe(words)
            await each.init(f"{words}, ended", version=version, producer_id=each.producer_id, epoch=each.epoch)
            await each.describe(words)


@conversation
async def partitions_join(talk: Talk) -> None:
    """In every version: one, several, none, twice, those that are not there, those of others."""
    topic, other, missing = await talk.topic(3), await talk.topic(1), talk.name()
    for version in _ADDITIONS:
        each = await ready_producer(talk, version=1)
        for note, topics in (
            ("none", {}),
            ("a topic without partitions", {topic: ()}),
            ("one", {topic: (0,)}),
            ("one again", {topic: (0,)}),
            ("several", {topic: (1, 2), other: (0,)}),
            ("a partition twice", {topic: (1, 1)}),
            ("unknown topic", {missing: (0, 1)}),
            ("unknown partition", {topic: (7, -1)}),
            ("known and unknown", {topic: (0, 7), missing: (0,), other: (0,)}),
            ("bad name", {"a b": (0,)}),
            ("no name", {"": (0,)}),
            ("an internal topic", {"__consumer_offsets": (0,)}),
        ):
            await each.add(topics, note, version=version)
        rows = topic_rows({topic: (0,)}) + topic_rows({topic: (1, 0)})
        await each.voice.ask(each.add_request({}, version, topics=rows), version, "a topic twice")
        await each.describe(f"after version {version}")
        for note, changes in (
            ("an older epoch", {"producer_epoch": each.epoch - 1}),
            ("an epoch to come", {"producer_epoch": each.epoch + 1}),
            ("another producer id", {"producer_id": each.producer_id + 100_000}),
            ("no producer id", {"producer_id": -1}),
            ("unknown transactional id", {"transactional_id": talk.name()}),
            ("empty transactional id", {"transactional_id": ""}),
        ):
            for known, where in (({topic: (0,)}, ""), ({missing: (0,)}, ", unknown topic")):
                request = each.add_request(known, version, **changes)
                await each.voice.ask(request, version, f"{note}{where}")


@conversation
async def partitions_join_in_every_state(talk: Talk) -> None:
    """Of a transaction that never began, and after its end."""
    topic = await talk.topic(2)
    for version in _ADDITIONS:
        each = await ready_producer(talk, version=1)
        await each.add({topic: (0,)}, "first", version=version)
        await each.finish(commit=True)
        await each.add({topic: (0,)}, "after a commit", version=version)
        await each.describe("after a commit")
        await each.finish(commit=False)
        await each.add({topic: (1,)}, "after an abort", version=version)
        await each.describe("after an abort")
        await each.init("anew")
        await each.add({topic: (1,)}, "a new epoch", version=version)
        await each.finish(commit=False, version=5)
        await each.add({topic: (0,)}, "after an end of version 5", version=version)
        await each.finish(commit=True, version=5)
        await each.describe()


@conversation
async def partitions_of_several_transactions_join(talk: Talk) -> None:
    """Batches, as brokers send them."""
    topic, missing = await talk.topic(3), talk.name()
    for version in range(_BATCHED_SINCE, 6):
        one = await ready_producer(talk, "one", version=1)
        two = await ready_producer(talk, "two", version=1)
        wrong = one.addition({topic: (2,)}, producer_epoch=one.epoch + 1)
        unknown = two.addition({missing: (0,), topic: (0,)})
        for note, transactions in (
            ("both", (one.addition({topic: (0, 1)}), two.addition({topic: (1, 2)}))),
            ("one is wrong", (wrong, two.addition({topic: (2,)}))),
            ("one names what is unknown", (one.addition({topic: (2,)}), unknown)),
            ("one is verified", (one.addition({topic: (0,)}, verify_only=True), two.addition({topic: (0,)}))),
            ("without topics", (one.addition({}), two.addition({topic: ()}))),
            ("verified without topics", (one.addition({}, verify_only=True),)),
        ):
            await one.voice.ask(AddPartitionsToTxnRequest(transactions=transactions), version, note)
            await one.describe(note)
            await two.describe(note)


@conversation
async def no_transaction_is_named(talk: Talk) -> None:
    """In a batch of additions."""
    await talk.transactional_id()
    voice = await talk.voice()
    for version in range(_BATCHED_SINCE, 6):
        await voice.start(AddPartitionsToTxnRequest(transactions=()), version)
        await voice.reconnect()


@conversation
async def partitions_are_verified(talk: Talk) -> None:
    """In every state: those of the transaction and others."""
    topic = await talk.topic(3)
    for version in range(_BATCHED_SINCE, 6):
        for end_version in (4, 5):
            each = await ready_producer(talk, version=1)
            words = f", EndTxn v{end_version}"
            await _verify(each, topic, version, f"empty{words}")
            await each.add({topic: (0,)})
            await _verify(each, topic, version, f"ongoing{words}")
            await each.finish(commit=True, version=end_version)
            await _verify(each, topic, version, f"committed{words}")
            await each.add({topic: (1,)})
            await _verify(each, topic, version, f"ongoing again{words}")
            await each.finish(commit=False, version=end_version)
            await _verify(each, topic, version, f"aborted{words}")


async def _verify(each: TransactionalProducer, topic: str, version: int, words: str) -> None:
    missing = each.talk.name()
    for note, topics, changes in (
        ("one", {topic: (0,)}, {}),
        ("several", {topic: (0, 1)}, {}),
        ("unknown topic", {missing: (0,), topic: (0,)}, {}),
        ("an older epoch", {topic: (0,)}, {"producer_epoch": each.epoch - 1}),
        ("an epoch to come", {topic: (0,)}, {"producer_epoch": each.epoch + 1}),
        ("another producer id", {topic: (0,)}, {"producer_id": each.producer_id + 100_000}),
        ("unknown transactional id", {topic: (0,)}, {"transactional_id": missing}),
        ("empty transactional id", {topic: (0,)}, {"transactional_id": ""}),
    ):
        request = each.add_request(topics, version, verify_only=True, **changes)
        await each.voice.ask(request, version, f"{words}, {note}")


@conversation
async def groups_join(talk: Talk) -> None:
    """AddOffsetsToTxn in every version and state."""
    group = await talk.group()
    for version in _OFFSET_ADDITIONS:
        each = await ready_producer(talk, version=1)
        await each.add_offsets(group, "empty", version=version)
        await each.add_offsets(group, "again", version=version)
        await each.add_offsets("", "nameless group", version=version)
        await each.add_offsets(talk.name(), "unknown group", version=version)
        await each.describe()
        for note, changes in (
            ("an older epoch", {"producer_epoch": each.epoch - 1}),
            ("an epoch to come", {"producer_epoch": each.epoch + 1}),
            ("another producer id", {"producer_id": each.producer_id + 100_000}),
            ("no producer id", {"producer_id": -1}),
            ("unknown transactional id", {"transactional_id": talk.name()}),
            ("empty transactional id", {"transactional_id": ""}),
        ):
            await each.add_offsets(group, note, version=version, **changes)
        await each.finish(commit=True)
        await each.add_offsets(group, "committed", version=version)
        await each.finish(commit=False)
        await each.add_offsets(group, "aborted", version=version)
        await each.describe()
