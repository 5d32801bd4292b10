"""A broker that runs already, anywhere, as a test sees it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress

from kafkalite.testing.external.backend import ExternalBackend
from kafkalite.testing.handles.handle import Handle


@contextmanager
def connect(bootstrap: str) -> Generator[Handle]:
    """Give a handle for a broker that runs already; topics that are created through it are deleted in the end.

    ``bootstrap`` is ``HOST:PORT``. Raises OSError if nobody answers there.
    """
    backend = ExternalBackend(bootstrap)
    handle = Handle(backend)
    try:
        yield handle
    finally:
        for topic in tuple(backend.created):
            with suppress(LookupError):  # the test has deleted it by other means
                handle.topics.delete(topic)
        backend.close()
