"""Broken brokers: faults that the proxy makes of a broker that works. The analysis must find each of them."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from kafkalite_conformance.checker.workload.frames import Exchange, Meddler, RequestFrame
from kafkalite_conformance.checker.workload.proxy import join
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.batch import crc32c, read_header
from kafkalite_wire.codec import decode
from kafkalite_wire.frames import decode_response, encode_request, encode_response
from kafkalite_wire.headers import read_request_header, set_correlation_id
from kafkalite_wire.messages.produce import (
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceResponse,
)

_PRODUCER_FIELDS: Final = struct.Struct(">qhi")
_PRODUCER_FIELDS_AT: Final = 43
_CRC: Final = struct.Struct(">I")
_CRC_AT: Final = 17
_CHECKSUMMED_AT: Final = 21
_END_TXN: Final = 26
_FLEXIBLE_END_TXN: Final = 3


@dataclass(slots=True)
class _PlainProducers(Meddler):
    """Takes the producer id out of batches without a transaction, so that none is refused for its sequence number."""

    every: int = 20
    """How many of these requests there are to one fault."""
    _seen: int = field(default=0, init=False)

    def request(self, request: RequestFrame) -> Exchange:
        if request.api_key != ApiKey.PRODUCE:
            return Exchange(to_broker=(request.frame,))
        api = APIS[request.api_key]
        view = memoryview(request.frame)
        header = read_request_header(view)
        message = decode(ProduceRequest, request.version, view, header.body)
        if message.transactional_id is not None:
            return Exchange(to_broker=(request.frame,))
        plain = replace(
            message,
            topic_data=tuple(
                replace(topic, partition_data=tuple(map(_without_producer, topic.partition_data)))
                for topic in message.topic_data
            ),
        )
        frame = encode_request(api, request.version, request.correlation_id, header.client_id, plain)[4:]
        self._seen += 1
        if self._seen % self.every:
            return Exchange(to_broker=(frame,))
        self.changed += 1
        return self._fault(request, frame, plain)

    def _fault(self, request: RequestFrame, frame: bytes, message: ProduceRequest) -> Exchange:
        raise NotImplementedError


def _without_producer(partition: Any) -> Any:
    batch = bytearray(partition.records)
    _PRODUCER_FIELDS.pack_into(batch, _PRODUCER_FIELDS_AT, -1, -1, -1)
    _CRC.pack_into(batch, _CRC_AT, crc32c(batch[_CHECKSUMMED_AT:]))
    return replace(partition, records=bytes(batch))


@dataclass(slots=True)
class DropsBatches(_PlainProducers):
    """Acknowledges batches that it does not write, at the offset where the next one goes."""

    _ends: dict[tuple[object, int], int] = field(default_factory=dict[tuple[object, int], int], init=False)

    def _fault(self, request: RequestFrame, frame: bytes, message: ProduceRequest) -> Exchange:
        del frame
        responses = tuple(
            TopicProduceResponse(
                name=topic.name,
                topic_id=topic.topic_id,
                partition_responses=tuple(
                    PartitionProduceResponse(
                        index=each.index, base_offset=self._ends.get((topic.name or topic.topic_id, each.index), 0)
                    )
                    for each in topic.partition_data
                ),
            )
            for topic in message.topic_data
        )
        api = APIS[request.api_key]
        answer = join(
            encode_response(api, request.version, request.correlation_id, ProduceResponse(responses=responses))
        )
        return Exchange(to_client=(answer,))

    def response(self, request: RequestFrame, frame: bytes) -> bytes:
        """Note where each partition ends."""
        if request.api_key != ApiKey.PRODUCE:
            return frame
        view = memoryview(request.frame)
        asked = decode(ProduceRequest, request.version, view, read_request_header(view).body)
        counts = {
            (topic.name or topic.topic_id, each.index): read_header(each.records or b"").records_count
            for topic in asked.topic_data
            for each in topic.partition_data
        }
        _, message = decode_response(APIS[request.api_key], request.version, frame)
        for topic in message.responses:
            for each in topic.partition_responses:
                place = (topic.name or topic.topic_id, each.index)
                if each.error_code == 0:
                    self._ends[place] = each.base_offset + counts[place]
        return frame


@dataclass(slots=True)
class DoublesBatches(_PlainProducers):
    """Writes batches twice, and acknowledges the first."""

    def _fault(self, request: RequestFrame, frame: bytes, message: ProduceRequest) -> Exchange:
        del message
        again = bytearray(frame)
        # librdkafka counts its requests up from 1, so none has a negative number.
        set_correlation_id(again, -request.correlation_id)
        return Exchange(to_broker=(frame, bytes(again)))


@dataclass(slots=True)
class CommitsAborts(Meddler):
    """Commits every transaction that a producer aborts."""

    def request(self, request: RequestFrame) -> Exchange:
        """Turn EndTxn's last field round; in flexible versions an empty list of tagged fields follows it."""
        if request.api_key != _END_TXN:
            return Exchange(to_broker=(request.frame,))
        frame = bytearray(request.frame)
        committed = len(frame) - (2 if request.version >= _FLEXIBLE_END_TXN else 1)
        if not frame[committed]:
            frame[committed] = 1
            self.changed += 1
        return Exchange(to_broker=(bytes(frame),))


@dataclass(slots=True)
class HidesAborts(Meddler):
    """Leaves the aborted transactions out of Fetch responses, so that committed readers do not skip their records."""

    def response(self, request: RequestFrame, frame: bytes) -> bytes:
        """Return the response without its lists of aborted transactions."""
        if request.api_key != ApiKey.FETCH:
            return frame
        api = APIS[request.api_key]
        correlation_id, message = decode_response(api, request.version, frame)
        if not any(each.aborted_transactions for topic in message.responses for each in topic.partitions):
            return frame
        self.changed += 1
        changed = replace(
            message,
            responses=tuple(
                replace(topic, partitions=tuple(replace(each, aborted_transactions=None) for each in topic.partitions))
                for topic in message.responses
            ),
        )
        return join(encode_response(api, request.version, correlation_id, changed))


@dataclass(frozen=True, slots=True)
class BrokenBroker:
    """A fault, how to make it, and the kind of anomaly that must be found."""

    make: Callable[[], Meddler]
    anomaly: str
    needs_transactions: bool = False


BROKEN: Final[Mapping[str, BrokenBroker]] = {
    "drops-batches": BrokenBroker(DropsBatches, "lost-write"),
    "doubles-batches": BrokenBroker(DoublesBatches, "duplicate"),
    "commits-aborts": BrokenBroker(CommitsAborts, "aborted-read", needs_transactions=True),
    "hides-aborts": BrokenBroker(HidesAborts, "aborted-read", needs_transactions=True),
}
