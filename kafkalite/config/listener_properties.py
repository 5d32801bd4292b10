"""The properties of one listener, as Kafka finds them.

``listener.name.NAME.MECHANISM.PROPERTY`` goes before ``listener.name.NAME.PROPERTY``, and that before ``PROPERTY``;
names of listeners and mechanisms are in lower case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from kafkalite.config.property import ConfigError
from kafkalite.config.table import PROPERTIES

if TYPE_CHECKING:
    from kafkalite.config.setting import Setting
    from kafkalite_storage.configs.values import ConfigValue

LISTENER_PREFIX: Final = "listener.name."


class ListenerProperties:
    """The properties of one listener, and of one SASL mechanism of it where one is named."""

    def __init__(self, listener: str, given: Mapping[str, Setting], mechanism: str | None = None) -> None:
        self._listener = listener
        self._given = given
        of_listener = f"{LISTENER_PREFIX}{listener.lower()}."
        own = () if mechanism is None else (f"{of_listener}{mechanism.lower()}.",)
        self._prefixes = (*own, of_listener, "")

    def of_mechanism(self, mechanism: str) -> ListenerProperties:
        """Return the properties for a mechanism."""
        return ListenerProperties(self._listener, self._given, mechanism)

    def setting(self, name: str) -> Setting | None:
        """Return what is set, or None."""
        found = (self._given.get(prefix + name) for prefix in self._prefixes)
        return next((setting for setting in found if setting is not None), None)

    def value(self, name: str) -> ConfigValue | None:
        """Return the value that is set, or the default. Raises ConfigError."""
        setting = self.setting(name)
        if setting is None:
            return PROPERTIES[name].default
        try:
            return PROPERTIES[name].parse(setting.text)
        except ValueError as error:
            raise self.problem(name, str(error)) from None

    def integer(self, name: str) -> int:
        """Return a number. Raises ConfigError."""
        value = self.value(name)
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str | None:
        """Return a text, or None where it is empty or not set. Raises ConfigError."""
        value = self.value(name)
        return str(value) if value not in (None, "") else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list. Raises ConfigError."""
        value = self.value(name)
        return value if isinstance(value, tuple) else ()

    def problem(self, name: str, what: str) -> ConfigError:
        """Return the error that says what is wrong with a property, and where it is set."""
        setting = self.setting(name)
        if setting is None:
            return ConfigError(f"listener {self._listener}: {name}: {what}")
        return ConfigError(f"{setting.origin}: {setting.name}: {what}")
