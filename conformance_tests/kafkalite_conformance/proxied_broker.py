"""Brokers that clients reach through `kafkalite proxy`."""

import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kafkalite_conformance.broker import Broker, BrokerStarter, free_port, wait_until_ready
from kafkalite_conformance.clusters import Cluster, bootstrap_of
from kafkalite_conformance.server_process import ServerProcess

_READY_LINE: Final = re.compile(rb"proxy is listening on (127\.0\.0\.1:\d+)")


class ProxyProcess:
    """A running `kafkalite proxy`."""

    def __init__(self, upstream: str, folder: Path, config: Path | None = None) -> None:
        """Start it, perhaps with a configuration file, and wait until it listens.

        `upstream` are brokers with commas, which need not run yet.
        """
        self.advertised = f"127.0.0.1:{free_port()}"
        """The address that stands for broker 1."""
        command = (
            sys.executable, "-m", "kafkalite", "proxy",
            "--upstream", upstream,
            "--listen", f"127.0.0.1:{free_port()}",
            "--broker-port", f"1={self.advertised.rpartition(':')[2]}",
            *(() if config is None else ("--config", str(config))),
        )  # fmt: skip
        with (folder / "proxy.log").open("ab") as log:
            self._process = ServerProcess(command, stdout=subprocess.PIPE, stderr=log)
        ready = None
        for line in self._process.stdout:
            ready = _READY_LINE.search(line)
            if ready is not None:
                break
        if ready is None:
            self._process.kill()
            raise RuntimeError(f"the proxy ended before it was ready\n{(folder / 'proxy.log').read_text()}")
        threading.Thread(target=lambda: self._process.stdout.read(), daemon=True).start()
        self.bootstrap = ready.group(1).decode()

    def wait_until_ready(self) -> None:
        """Wait until clients reach the cluster."""
        wait_until_ready(self.bootstrap, timeout=60, alive=self._process)

    def kill(self) -> None:
        """End it."""
        self._process.kill()


class ProxiedBroker:
    """A broker, and a proxy in front of it. Stops and kills are the broker's; the proxy stays."""

    def __init__(self, broker: Broker, folder: Path, config: Path | None = None) -> None:
        """Start a proxy in front of a broker that is ready, perhaps with a configuration file."""
        self._broker = broker
        self._proxy = ProxyProcess(broker.bootstrap, folder, config)
        self._proxy.wait_until_ready()
        self.bootstrap = self._proxy.bootstrap
        self.advertised = self._proxy.advertised

    @property
    def pid(self) -> int:
        """The process id of the broker."""
        return self._broker.pid

    def stop(self) -> int:
        """Stop the broker with SIGTERM."""
        return self._broker.stop()

    def kill(self) -> None:
        """End the broker with SIGKILL."""
        self._broker.kill()

    def start_again(self) -> None:
        """Start the broker again, and wait until clients reach it through the proxy."""
        self._broker.start_again()
        self._proxy.wait_until_ready()

    def close(self) -> None:
        """End both."""
        self._broker.close()
        self._proxy.kill()


class ProxiedStarter:
    """Starts brokers of another starter behind proxies."""

    def __init__(self, starter: BrokerStarter, config: Path | None = None) -> None:
        self._starter = starter
        self._config = config
        self.name = f"{starter.name} behind the proxy"

    def start(self, data_dir: Path) -> Broker:
        """Start a broker and a proxy in front of it, and wait until both are ready."""
        return ProxiedBroker(self._starter.start(data_dir), data_dir, self._config)


class ProxiedCluster:
    """A cluster, and a proxy in front of it. Stops and kills are those of its brokers; the proxy stays."""

    def __init__(self, cluster: Cluster, proxy: ProxyProcess) -> None:
        self._cluster = cluster
        self.process = cluster.process
        self.advertised = proxy.advertised
        self.addresses = dict.fromkeys(cluster.addresses, proxy.bootstrap)

    def stop(self, broker: int) -> None:
        """Stop a broker as an operator would."""
        self._cluster.stop(broker)

    def kill(self, broker: int) -> None:
        """End a broker as a crash would."""
        self._cluster.kill(broker)

    def start(self, *brokers: int) -> None:
        """Start brokers, and wait until they are ready."""
        self._cluster.start(*brokers)


@contextmanager
def proxied_cluster(cluster: Cluster, folder: Path) -> Generator[ProxiedCluster]:
    """Run a proxy in front of a cluster until the block ends."""
    proxy = ProxyProcess(bootstrap_of(cluster), folder)
    try:
        proxy.wait_until_ready()
        yield ProxiedCluster(cluster, proxy)
    finally:
        proxy.kill()
