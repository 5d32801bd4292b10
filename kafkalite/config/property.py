"""What is known about one broker property."""

from enum import Enum

from kafkalite_storage.configs.values import ConfigType, ConfigValue, Rule, any_value, parse_value
from kafkalite_storage.errors import InvalidConfig
from kafkalite_wire.values import value_class


class ConfigError(Exception):
    """The configuration cannot be used; the message names the source of the setting."""


class Effect(Enum):
    """What a property does here."""

    HONOURED = "honoured"
    TOPIC_DEFAULT = "topic default"
    """Honoured as the default of a topic's own configuration."""
    NONE = "no effect"
    """Accepted with a warning, so that settings written for Kafka can be used unchanged."""


@value_class(kw_only=True)
class Property:
    """One broker property; `default` is None where nothing or another property applies."""

    name: str
    type: ConfigType
    default: ConfigValue | None
    doc: str
    section: str
    effect: Effect = Effect.HONOURED
    rule: Rule = any_value
    topic_config: str | None = None
    """The topic's configuration whose default this property sets."""
    dynamic: bool = False
    """Whether it may be changed while the broker runs (KIP-226)."""

    @property
    def of_plug_in(self) -> bool:
        """Whether it is read by a plug-in of Kafka, whose brokers describe it only where it is set, and as a secret."""
        return self.section == "Authorization" and self.name != "authorizer.class.name"

    @property
    def sensitive(self) -> bool:
        """Whether the value is a secret."""
        return self.type is ConfigType.PASSWORD

    def parse(self, text: str) -> ConfigValue:
        """Read and check a value; raises ValueError with what is wrong, without the property's name."""
        try:
            value = parse_value(self.name, self.type, text)
        except InvalidConfig:
            raise ValueError(f"{text!r} is not {_KINDS[self.type]}") from None
        problem = self.rule(value)
        if problem is not None:
            raise ValueError(f"{text!r} is not allowed: {problem}")
        return value


_KINDS = {
    ConfigType.BOOLEAN: "true or false",
    ConfigType.STRING: "text",
    ConfigType.INT: "a whole number of 32 bits",
    ConfigType.SHORT: "a whole number of 16 bits",
    ConfigType.LONG: "a whole number of 64 bits",
    ConfigType.DOUBLE: "a number",
    ConfigType.LIST: "a list",
    ConfigType.CLASS: "a class",
    ConfigType.PASSWORD: "a password",
}
