"""A broker that runs already, anywhere, as a test sees it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from kafkalite.testing.external.backend import ExternalBackend
from kafkalite.testing.handles.handle import Handle

if TYPE_CHECKING:
    from kafkalite.testing.over_http.backend import HttpBackend


@contextmanager
def connect(bootstrap: str, *, controls: str | None = None) -> Generator[Handle]:
    """Give a handle for a broker that runs already; topics that are created through it are deleted in the end.

    ``bootstrap`` is ``HOST:PORT``. ``controls`` is the URL of a kafkalite's controls (``kafkalite serve --controls``):
    with it the handle waits and steers as with a broker in the test's process, and what is steered is undone in the
    end. Raises OSError if nobody answers there.
    """
    backend: ExternalBackend | HttpBackend
    if controls is None:
        backend = ExternalBackend(bootstrap)
    else:
        from kafkalite.testing.over_http.backend import HttpBackend  # brings a client of HTTP, which few tests need

        backend = HttpBackend(bootstrap, controls)
    handle = Handle(backend)
    try:
        yield handle
    finally:
        for topic in tuple(backend.created):
            with suppress(LookupError):  # the test has deleted it by other means
                handle.topics.delete(topic)
        backend.close()
