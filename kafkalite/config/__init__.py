"""Broker properties under Kafka's own names: their table, where values come from, and the typed BrokerConfig.

May import kafkalite_storage's table of topic configurations and the standard library.
Must not import trio, click or anything else of kafkalite, because every start of the program pays for it.
"""

from kafkalite.addresses import HostPort
from kafkalite.config.broker_config import BrokerConfig
from kafkalite.config.loading import load
from kafkalite.config.property import ConfigError

__all__ = ["BrokerConfig", "ConfigError", "HostPort", "load"]
