"""A request and its response, as the log returns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kafkalite.controls.refusals import groups_in
from kafkalite.controls.request_log.batches import RecordBatch, batches_in
from kafkalite.controls.request_log.contents import ResponseError, errors_in, partitions_in, records_in, topics_in
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.controls.request_log.keeping import Kept
    from kafkalite_wire.apis import Api


class Outcome(StrEnum):
    """How a request ended, if it has."""

    WAITING = "waiting"
    """The answer is still owed: a fetch waits for records, a join for other members."""
    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    """No answer is sent: the client wants none (``acks=0``), or a rule dropped it."""
    CUT_OFF = "cut off"
    """The broker closed the connection instead of a response; see ``reason``."""
    MALFORMED = "malformed"
    """The frame is not a request, and the broker closed the connection; see ``reason``."""
    DISCONNECTED = "disconnected"
    """The connection ended before there was an answer."""


@dataclass(frozen=True, slots=True)
class End:
    """How a request ended, and when: monotonic seconds of the broker's clock."""

    outcome: Outcome
    at: float
    response: Kept | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)  # no slots: what has been decoded is kept beside the fields
class Exchange:
    """A request and its answer. Messages are decoded when they are first looked at.

    It is how things stood when the log was asked: what was waiting then, waits here for ever.
    """

    number: int
    """Its place in the log, counted from 1."""
    api_key: int
    api: str
    """The name of the API as in Kafka's protocol guide: ``Produce``, ``OffsetCommit``."""
    api_version: int
    correlation_id: int
    client_id: str
    broker: int | None
    """The id of the broker that was asked; None where a proxy does not know it."""
    client_host: str
    client_port: int
    connection: int
    """The number of the client's connection, counted from 1 in the order in which the log saw them."""
    asked_ms: int
    """When the request came: milliseconds since 1970, by the broker's clock."""
    latency: float | None
    """Seconds of the broker's clock between the request and its end; None while it is waiting."""
    outcome: Outcome
    reason: str
    """Why the client was cut off, or what is malformed, else empty."""
    request_bytes: int
    """The size of the request, with its header."""
    response_bytes: int
    """The size of the response without its header; 0 if there was none."""
    declared: Api | None = field(repr=False, compare=False)
    kept_request: Kept = field(repr=False, compare=False)
    kept_response: Kept | None = field(repr=False, compare=False)
    topic_names: Mapping[bytes, str] = field(repr=False, compare=False)
    """The names of topics by their ids, as far as the log has learnt them."""

    @cached_property
    def request(self) -> Any:
        """The request: a message of ``kafkalite_wire.messages``. None if it holds secrets, or is malformed."""
        if self.declared is None:
            return None
        return self.kept_request.decoded(self.declared.request_type, self.api_version)

    @cached_property
    def response(self) -> Any:
        """The response that was sent, None if there was none, or if it holds secrets."""
        if self.kept_response is None or self.declared is None:
            return None
        return self.kept_response.decoded(self.declared.response_type, self.api_version)

    @cached_property
    def groups(self) -> frozenset[str]:
        """The consumer groups that the request is about."""
        return (
            frozenset()
            if self.request is None
            else frozenset(groups_in(ApiKey(self.api_key), self.api_version, self.request))
        )

    @cached_property
    def topics(self) -> frozenset[str]:
        """The topics that are named in the request or in the response."""
        return frozenset(topic for message in self._messages for topic in topics_in(message, self.topic_names))

    @cached_property
    def partitions(self) -> frozenset[tuple[str, int]]:
        """The partitions that are named in the request or in the response, as pairs of topic and number."""
        return frozenset(pair for message in self._messages for pair in partitions_in(message, self.topic_names))

    @cached_property
    def errors(self) -> tuple[ResponseError, ...]:
        """All errors in the response, wherever they stand in it."""
        return () if self.response is None else tuple(errors_in(self.response, self.topic_names))

    @cached_property
    def batches(self) -> tuple[RecordBatch, ...]:
        """The record batches that travelled: those of a Produce request, or of a Fetch response."""
        return tuple(
            batch
            for message in self._messages
            for topic, partition, data in records_in(message, self.topic_names)
            for batch in batches_in(topic, partition, memoryview(data))
        )

    @property
    def records_count(self) -> int:
        """How many records the batches hold."""
        return sum(batch.count for batch in self.batches)

    @property
    def _messages(self) -> tuple[Any, ...]:
        return tuple(message for message in (self.request, self.response) if message is not None)

    def __str__(self) -> str:
        """Describe the request and how it ended in one line."""
        about = "".join(
            f" {what} {', '.join(sorted(names))}"
            for what, names in (("group", self.groups), ("topic", self.topics))
            if names
        )
        end = self.outcome if self.latency is None else f"{self.outcome} after {self.latency * 1000:.1f} ms"
        errors = "".join(f", {error}" for error in self.errors)
        reason = self.reason and f", {self.reason}"
        client = self.client_id or "(no client id)"
        return f"#{self.number} {client} {self.api} v{self.api_version}{about}: {end}{errors}{reason}"

    __repr__ = __str__
