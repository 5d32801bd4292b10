"""Producer ids that run out of epochs: this takes minutes, because every epoch has to be asked for."""

from typing import Final

import trio

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_conformance.differential.transactional import TransactionalProducer, producer
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

_LAST_EPOCH: Final = 32_767


@conversation
async def producer_ids_run_out_of_epochs(talk: Talk) -> None:
    """The epoch goes up to 32766, and then comes another producer id: by itself, at an end, and when fenced."""
    topic = await talk.topic()
    ended = [await producer(talk, "ended", version=kind) for kind in (1, 2)]
    fenced = [await producer(talk, "fenced", version=kind) for kind in (1, 2)]
    async with trio.open_nursery() as nursery:
        for each in (*ended, *fenced):
            nursery.start_soon(_raise_epoch, talk, each, _LAST_EPOCH - 3)
    for each in ended:
        await each.init()
        for number in range(4):
            words = f"version {each.version}, {number}"
            await each.begin(topic, note=words)
            await each.describe_producers(topic, note=words)
            before_id, before_epoch = each.producer_id, each.epoch
            await each.finish(words, commit=number % 2 == 0)
            for commit in (True, False):
                await each.end(f"{words}, retried", commit=commit, producer_id=before_id, producer_epoch=before_epoch)
                await talk.until_ended(each.transactional_id)
            await each.describe(words)
            if each.version == 1:
                await each.init(words)
    for each in fenced:
        for number in range(3):
            await each.init()
            words = f"version {each.version}, fenced {number}"
            await each.begin(topic, note=words)
            before_id, before_epoch = each.producer_id, each.epoch
            await each.init(f"{words}, itself", producer_id=before_id, epoch=before_epoch)
            await each.describe(words)
            await each.init(f"{words}, as before", producer_id=before_id, epoch=before_epoch)
            await each.describe(words)
            await each.describe_producers(topic, note=words)


async def _raise_epoch(talk: Talk, each: TransactionalProducer, epoch: int) -> None:
    """Ask for a new epoch again and again."""
    voice = await talk.voice("usher")
    request = InitProducerIdRequest(transactional_id=each.transactional_id, transaction_timeout_ms=60_000)
    answer = await voice.whisper(request, 1, InitProducerIdResponse)
    await voice.whisper_often(request, 1, times=epoch - answer.producer_epoch)
    await voice.hang_up()
