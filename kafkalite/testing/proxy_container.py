"""The proxy in a container, for testcontainers (extra ``testcontainers``)."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from testcontainers.core.container import DockerContainer

from kafkalite.addresses import HostPort
from kafkalite.client.readiness import answers
from kafkalite.controls.errors import BrokerFailed
from kafkalite.testing.container import DEFAULT_IMAGE, IMAGE_VARIABLE

if TYPE_CHECKING:
    from typing import Self

_STARTING: Final = 60.0
_PAUSE: Final = 0.1
_PORTS: Final = range(20_000, 32_000)
"""Outside the ephemeral range, so that no other program is given one of them in between."""


class KafkaliteProxyContainer(DockerContainer):
    """`kafkalite proxy` in a container, in front of a Kafka that it reaches, such as another container of its network.

    Like this::

        with KafkaliteProxyContainer("kafka:9092", brokers=3).with_network(network) as proxy:
            ...  # clients of this machine connect to proxy.get_bootstrap_server()

    ``brokers`` is the number of brokers that the cluster has. Each has a port, which is the same inside the container
    and on this machine, because clients are sent to it. ``arguments`` are further ones of `kafkalite proxy`.
    """

    def __init__(
        self,
        upstream: str,
        image: str | None = None,
        *,
        brokers: int = 1,
        arguments: tuple[str, ...] = (),
        **options: Any,
    ) -> None:
        super().__init__(image or os.environ.get(IMAGE_VARIABLE, DEFAULT_IMAGE), **options)
        ports = _free_ports(1 + brokers)
        self._port = ports[0]
        for port in ports:
            self.with_bind_ports(port, port)
        self.with_env("KAFKALITE_LISTEN", f"0.0.0.0:{self._port}")  # where the image's health check asks
        self.with_command(
            [
                "proxy",
                "--upstream", upstream,
                "--listen", f"0.0.0.0:{self._port}",
                "--advertise", self.get_container_host_ip(),
                *arguments,
            ]
        )  # fmt: skip

    def start(self) -> Self:
        """Start, and return when clients reach the cluster. Raises BrokerFailed with the container's log if not."""
        super().start()
        try:
            self._await_cluster()
        except BaseException:
            self.stop()  # __exit__ is not called when __enter__ fails
            raise
        return self

    def get_bootstrap_server(self) -> str:
        """Return the proxy's address for clients on this machine."""
        return str(HostPort(self.get_container_host_ip(), self._port))

    def _await_cluster(self) -> None:
        until = time.monotonic() + _STARTING
        while not answers((self.get_container_host_ip(), self._port), timeout=1):
            container = self.get_wrapped_container()
            container.reload()
            if container.status not in ("running", "created") or time.monotonic() > until:
                said = container.logs().decode(errors="replace").strip()
                raise BrokerFailed(
                    f"the proxy reaches no cluster; the container is {container.status}, and says:\n{said}"
                )
            time.sleep(_PAUSE)


def _free_ports(count: int) -> range:
    """Return ports that follow each other and are not in use."""
    for first in range(_PORTS.start + os.getpid() % 1000 * 10, _PORTS.stop - count):
        ports = range(first, first + count)
        with ExitStack() as stack:
            try:
                for port in ports:
                    stack.enter_context(socket.socket()).bind(("", port))
            except OSError:
                continue
        return ports
    raise OSError(f"no {count} ports that follow each other are free")
