"""A broker that clients reach through `kafkalite proxy`."""

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from kafkalite_conformance.broker import Broker, BrokerStarter, free_port, wait_until_ready
from kafkalite_conformance.server_process import ServerProcess

_READY_LINE: Final = re.compile(rb"proxy is listening on (127\.0\.0\.1:\d+)")


class ProxiedBroker:
    """A broker, and a proxy in front of it. Stops and kills are the broker's; the proxy stays."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        """Start a proxy in front of a broker that is ready."""
        self._broker = broker
        self.advertised = f"127.0.0.1:{free_port()}"
        """The address that stands for the broker."""
        command = (
            sys.executable, "-m", "kafkalite", "proxy",
            "--upstream", broker.bootstrap,
            "--listen", f"127.0.0.1:{free_port()}",
            "--broker-port", f"1={self.advertised.rpartition(':')[2]}",
        )  # fmt: skip
        with (folder / "proxy.log").open("ab") as log:
            self._proxy = ServerProcess(command, stdout=subprocess.PIPE, stderr=log)
        ready = None
        for line in self._proxy.stdout:
            ready = _READY_LINE.search(line)
            if ready is not None:
                break
        if ready is None:
            self._proxy.kill()
            raise RuntimeError(f"the proxy ended before it was ready\n{(folder / 'proxy.log').read_text()}")
        threading.Thread(target=lambda: self._proxy.stdout.read(), daemon=True).start()
        self.bootstrap = ready.group(1).decode()
        wait_until_ready(self.bootstrap, timeout=60, alive=self._proxy)

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
        wait_until_ready(self.bootstrap, timeout=60, alive=self._proxy)

    def close(self) -> None:
        """End both."""
        self._broker.close()
        self._proxy.kill()


class ProxiedStarter:
    """Starts brokers of another starter behind proxies."""

    def __init__(self, starter: BrokerStarter) -> None:
        self._starter = starter
        self.name = f"{starter.name} behind the proxy"

    def start(self, data_dir: Path) -> Broker:
        """Start a broker and a proxy in front of it, and wait until both are ready."""
        return ProxiedBroker(self._starter.start(data_dir), data_dir)
