"""``stamp-headers``: record headers that the proxy adds to what clients produce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import TYPE_CHECKING, Any, Final

from kafkalite.config.options import OptionError
from kafkalite.interceptors.interface import MessageInterceptor
from kafkalite.interceptors.produced import TopicPatterns, with_batches
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.batch import CorruptBatch
from kafkalite_wire.record_scan import records_of
from kafkalite_wire.rewrite_batch import with_added_headers

if TYPE_CHECKING:
    from kafkalite.interceptors.interface import Context
    from kafkalite.interceptors.produced import Batch
    from kafkalite_wire.apis import Api

_WORDS: Final = ("client_id", "principal", "host", "topic")


@dataclass
class StampedHeaders(MessageInterceptor):
    """Adds headers to produced records.

    Batches are written again with the same compression, offsets, timestamps, sequence numbers and producer, so
    idempotent and transactional producers do not notice. A damaged batch is passed on as it is, and refused there.
    """

    headers: Mapping[str, str]
    """Values by name, with {client_id}, {principal}, {host} and {topic} in them."""
    topics: tuple[str, ...] = ()
    """Names with the wildcards ``*`` and ``?``; by default all topics."""
    _topics: TopicPatterns = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.headers:
            raise OptionError("headers", "must name at least one header")
        for name, value in self.headers.items():
            try:
                words = [word for _, word, _, _ in Formatter().parse(value) if word is not None]
            except ValueError as error:
                raise OptionError("headers", f"{name}: {error}") from None
            for word in words:
                if word not in _WORDS:
                    known = ", ".join(f"{{{each}}}" for each in _WORDS)
                    raise OptionError("headers", f"{name}: there is no {{{word}}}; there are {known}")
        self._topics = TopicPatterns(self.topics)

    def wants(self, api: Api, version: int) -> bool:
        """Return whether it is Produce."""
        del version
        return api.key is ApiKey.PRODUCE

    def on_request(self, request: Any, context: Context) -> Any:
        """Add the headers to each record."""
        known = {"client_id": context.client_id, "principal": context.principal, "host": context.connection.host}

        def stamped(batch: Batch, topic: str | None) -> bytes | None:
            words = {**known, "topic": topic or ""}
            headers = [(name.encode(), value.format(**words).encode()) for name, value in self.headers.items()]
            header, data = batch
            try:
                return with_added_headers(header, records_of(data, header), headers)
            except CorruptBatch:
                return None

        return with_batches(request, self._topics, context, stamped)
