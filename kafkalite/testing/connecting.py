"""The controls of a broker that is running already, anywhere."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from kafkalite.controls.controls import Controls
from kafkalite.testing.external import ExternalTransport

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from kafkalite.controls.definition import Arguments, Call, Control, Subject, Transport
    from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot

T = TypeVar("T")


@contextmanager
def connect(
    bootstrap: str, *, controls: str | None = None, token: str | None = None, ca: str | Path | None = None
) -> Generator[Controls]:
    """Yield the controls of a broker that is running already; topics that are created here are deleted at the end.

    ``bootstrap`` is ``HOST:PORT``. ``controls`` is the URL of a kafkalite's controls (``kafkalite serve --controls``),
    with which all controls work as in the test's process; they are reset at the end. ``token`` is what they ask for,
    and ``ca`` a PEM file with the authority of their certificate, if the URL begins with ``https``. Without
    ``controls`` the broker may be any Kafka, and has only what Kafka's protocol has. Raises OSError if the broker does
    not accept connections.
    """
    created: dict[str, None] = {}
    if controls is None:
        external = ExternalTransport(bootstrap, created)
        handle, close = Controls(_RecordingTransport(external, created)), external.close
    else:
        from kafkalite.controls.http.client import HttpTransport

        handle = Controls(_RecordingTransport(HttpTransport(bootstrap, controls, token=token, ca=ca), created))
        handle.info()
        close = handle.reset
    try:
        yield handle
    finally:
        for topic in tuple(created):
            with suppress(LookupError):  # it was deleted by other means
                handle.topics.delete(topic)
        close()


class _RecordingTransport:
    """Remembers the topics that were created and not deleted again."""

    def __init__(self, transport: Transport, created: dict[str, None]) -> None:
        self._transport = transport
        self._created = created
        self.bootstrap = transport.bootstrap

    def call(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> T:
        result = self._transport.call(subject, control, arguments)
        if (control.method, control.path) == ("POST", "/topics"):
            self._created[arguments["name"]] = None
        elif (control.method, control.path) == ("DELETE", "/topics/{topic}"):
            self._created.pop(arguments["topic"], None)
        return result

    def start(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> Call[T]:
        return self._transport.start(subject, control, arguments)

    def fork(self, snapshot_of: Callable[[], DirectorySnapshot]) -> AbstractContextManager[Controls]:
        return self._transport.fork(snapshot_of)
