"""The broker in a container, for testcontainers (extra ``testcontainers``)."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from testcontainers.core.container import DockerContainer

from kafkalite import __version__
from kafkalite.addresses import HostPort
from kafkalite.client.advertising import advertise_outside
from kafkalite.client.readiness import answers
from kafkalite.config.initial_topics import TOPICS_VARIABLE
from kafkalite.config.security import SECURITY
from kafkalite.config.setting import CONTROLS_TOKEN_VARIABLE, CONTROLS_VARIABLE, variable
from kafkalite.config.table import BROKERS
from kafkalite.controls.controls import Controls
from kafkalite.controls.defaults import DEFAULTS, Value, text_of
from kafkalite.controls.errors import BrokerFailed
from kafkalite.controls.http.client import HttpTransport
from kafkalite.security.client_access import ClientAccess

if TYPE_CHECKING:
    from typing import Self

IMAGE_VARIABLE: Final = "KAFKALITE_IMAGE"
DEFAULT_IMAGE: Final = f"kafkalite:{__version__}"
_PORT: Final = 9092
_CONTROLS_PORT: Final = 9093
_CONTROLS_OF_SEVERAL: Final = 9192
"""The ports between are those of brokers."""
_INIT: Final = "/etc/kafkalite/init.d"
_STARTING: Final = 60.0
_PAUSE: Final = 0.05


class KafkaliteContainer(DockerContainer):
    """A broker in a container of its own.

    Like this::

    with KafkaliteContainer().with_topics({"orders": 3}) as kafka:
        ...  # clients connect to kafka.get_bootstrap_server()

    Clients on this machine use :meth:`get_bootstrap_server`, other containers of its network port 9092 of an alias.
    ``image`` is by default what ``KAFKALITE_IMAGE`` says, or else ``kafkalite`` of this package's version. Where no
    properties are set they are those of ``kafkalite.testing.run()``.
    """

    def __init__(self, image: str | None = None, **options: Any) -> None:
        super().__init__(image or os.environ.get(IMAGE_VARIABLE, DEFAULT_IMAGE), **options)
        self._is_secured = False
        self._brokers = 1
        self._has_controls = False
        self._controls_token = secrets.token_urlsafe(32)
        self.with_exposed_ports(_PORT).with_properties(DEFAULTS)

    def with_topics(self, topics: Mapping[str, int]) -> Self:
        """Create topics at start, each with the given number of partitions."""
        lists = [f"{name}:{partitions}" for name, partitions in topics.items()]
        return self.with_env(TOPICS_VARIABLE, ",".join(lists))

    def with_properties(self, properties: Mapping[str, Value]) -> Self:
        """Set broker properties under Kafka's names."""
        if SECURITY in properties:
            self._is_secured = text_of(properties[SECURITY]) != "plaintext"
        if BROKERS in properties:
            self._brokers = int(properties[BROKERS])
        for name, value in properties.items():
            self.with_env(variable(name), text_of(value))
        return self

    def with_controls(self) -> Self:
        """Serve the controls, at :meth:`get_controls_url`, to those with :meth:`get_controls_token`."""
        self._has_controls = True
        return self

    def with_brokers(self, brokers: int) -> Self:
        """Run a cluster of so many brokers in the container, at port 9092 and those that follow it."""
        return self.with_properties({BROKERS: brokers})

    def with_security(self, protocol: str) -> Self:
        """Protect the broker by ``ssl``, ``sasl_plaintext`` or ``sasl_ssl``, and serve the controls.

        :meth:`client_config` returns what clients need then.
        """
        return self.with_controls().with_properties({SECURITY: protocol})

    def with_init_folder(self, folder: Path | str) -> Self:
        """Mount a folder of TOML files that the broker reads at start: properties, topics, records."""
        return self.with_volume_mapping(str(Path(folder).absolute()), _INIT)

    def start(self) -> Self:
        """Start, and return when clients can connect. Raises BrokerFailed with the container's log if it ends."""
        self.with_exposed_ports(*self._ports)
        if self._has_controls:
            port = self._controls_port
            self.with_env(CONTROLS_VARIABLE, f"0.0.0.0:{port}").with_exposed_ports(port)
            self.with_env(CONTROLS_TOKEN_VARIABLE, self._controls_token)
        super().start()
        try:
            self._await_broker()
        except BaseException:
            self.stop()  # __exit__ is not called when __enter__ fails
            raise
        return self

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:
        """Stop the container and remove it; nothing happens if it is gone."""
        super().stop(force=force, delete_volume=delete_volume)
        self._container = None

    def _await_broker(self) -> None:
        addresses = [self._address(port) for port in self._ports]
        until = time.monotonic() + _STARTING
        for address in addresses:
            while not answers((address.host, address.port), timeout=1):
                self._fail_if_over(until)
                time.sleep(_PAUSE)
        # Which ports of this machine lead into the container was not known before it ran.
        access = self.client_access() if self._is_secured else None
        for number, address in enumerate(addresses):
            at = (address.host, address.port)
            advertise_outside(at, str(address), timeout=_STARTING, access=access, number=number)

    @property
    def _ports(self) -> range:
        return range(_PORT, _PORT + self._brokers)

    @property
    def _controls_port(self) -> int:
        return _CONTROLS_PORT if self._brokers == 1 else _CONTROLS_OF_SEVERAL

    def get_bootstrap_server(self) -> str:
        """Return the brokers' addresses for clients on this machine."""
        return ",".join(str(self._address(port)) for port in self._ports)

    def client_access(self, user: str | None = None) -> ClientAccess:
        """Return what clients on this machine need to connect: see ``Handle.client_access``."""
        if not self._is_secured:
            return ClientAccess(bootstrap=self.get_bootstrap_server())
        return replace(self._controls().client_access(user), bootstrap=self.get_bootstrap_server())

    def _controls(self) -> Controls:
        return Controls(HttpTransport(self.get_bootstrap_server(), self.get_controls_url(), token=self._controls_token))

    def client_config(self, library: str, *, mechanism: str | None = None, user: str | None = None) -> dict[str, Any]:
        """Return the settings with which a client library on this machine connects: see ``Handle.client_config``."""
        return self.client_access(user).settings(library, mechanism, make_token=lambda: self._controls().token(user))

    def get_controls_url(self) -> str:
        """Return the URL of the controls, for `connect(…, controls=…)` and any HTTP client."""
        return f"http://{self._address(self._controls_port)}"

    def get_controls_token(self) -> str:
        """Return the token of the controls, for `connect(…, token=…)` and ``Authorization: Bearer`` of a client."""
        return self._controls_token

    def _address(self, port: int = _PORT) -> HostPort:
        return HostPort(self.get_container_host_ip(), int(self.get_exposed_port(port)))

    def _fail_if_over(self, until: float) -> None:
        container = self.get_wrapped_container()
        container.reload()
        if container.status in ("running", "created") and time.monotonic() < until:
            return
        said = container.logs().decode(errors="replace").strip()
        raise BrokerFailed(f"the broker did not start; the container is {container.status}, and says:\n{said}")
