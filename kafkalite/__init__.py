"""The kafkalite broker: a small, Kafka-compatible server over a file-backed log.

``kafkalite.Broker`` runs one inside a trio program, ``kafkalite.testing.run()`` one beside a test. The heavy parts are
imported only when they are used, so that `import kafkalite` stays cheap.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkalite.broker import Broker

__version__ = "0.1.0"
__all__ = ["Broker", "__version__"]


def __getattr__(name: str) -> object:
    """Import what is exported here when it is first asked for."""
    if name == "Broker":
        # By its name, so that no module that asks for the version above seems to depend on the whole broker.
        from importlib import import_module

        return import_module("kafkalite.broker").Broker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
