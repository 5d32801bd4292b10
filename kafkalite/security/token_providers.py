"""Objects that hand a token to client libraries of Python, which want subclasses of their own classes."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_OF_KAFKA_PYTHON: Final = ("kafka.net.sasl.oauth", "kafka.sasl.oauth", "kafka.oauth")
"""Where its versions have the class, the newest first."""


def for_kafka_python(token: str) -> object:
    """Return a provider for kafka-python, whose method returns the token. Raises ModuleNotFoundError without it."""

    def token_of(_: object) -> str:
        return token

    return _provider(_module(_OF_KAFKA_PYTHON), token_of)


def for_aiokafka(token: str) -> object:
    """Return a provider for aiokafka, whose method is a coroutine. Raises ModuleNotFoundError without it."""

    async def token_of(_: object) -> str:
        return token

    return _provider(import_module("aiokafka.abc"), token_of)


def _module(names: tuple[str, ...]) -> Any:
    *newer, oldest = names
    for name in newer:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    return import_module(oldest)


def _provider(module: Any, token: Any) -> object:
    return type("FixedToken", (module.AbstractTokenProvider,), {"token": token})()
