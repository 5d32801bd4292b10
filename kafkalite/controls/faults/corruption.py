"""Damage to the records in a Fetch response; the log is unchanged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kafkalite.requests.parts.message_parts import Part
from kafkalite_wire.payloads import read_payload

if TYPE_CHECKING:
    from kafkalite.requests.parts.message_parts import Selector
    from kafkalite_wire.schema import Payload

_CRC: Final = slice(17, 21)
"""Where the checksum of a batch is, behind its offset, length, leader epoch and magic."""


def corrupted(response: Any, chosen: Selector) -> tuple[list[Part], Any]:
    """Invert the checksum of the first batch of each chosen partition; return those partitions and the response."""
    parts: list[Part] = []
    topics: list[Any] = []
    for topic in response.responses:
        partitions: list[Any] = []
        for partition in topic.partitions:
            # Since version 13 a topic has no name here but only its id.
            part = Part(topic=topic.topic or topic.topic_id, partition=partition.partition_index)
            if partition.records is not None and len(partition.records) >= _CRC.stop and chosen(part):
                parts.append(part)
                partitions.append(replace(partition, records=_with_wrong_crc(partition.records)))
            else:
                partitions.append(partition)
        topics.append(replace(topic, partitions=tuple(partitions)))
    return parts, replace(response, responses=tuple(topics)) if parts else response


def _with_wrong_crc(records: Payload) -> bytes:
    copied = bytearray(read_payload(records))
    copied[_CRC] = bytes(byte ^ 0xFF for byte in copied[_CRC])
    return bytes(copied)
