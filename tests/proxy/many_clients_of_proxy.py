"""A thousand clients with TLS and logins at one proxy, one of which does not read.

Not in the suite, because it takes a minute of CPU. Name the file to run it; with ``-s`` it prints the memory.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

import trio

from kafkalite.addresses import HostPort
from kafkalite.testing import run, run_proxy
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.protocol_client import ProtocolClient

CLIENTS: Final = 1000
AT_A_TIME: Final = 50
ROUNDS: Final = 5
SLOW_FETCHES: Final = 100
MOST_MIB: Final = 250


def _memory_mib() -> int:
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


async def _logged_in(address: HostPort, context: ssl.SSLContext, token: bytes) -> ProtocolClient:
    stream = await trio.open_tcp_stream(address.host, address.port)
    secured = trio.SSLStream(stream, context, server_hostname=address.host, https_compatible=True)
    client = ProtocolClient(secured)  # type: ignore[arg-type]  # it sends and receives in the same way
    assert not (await client.call(SaslHandshakeRequest(mechanism="PLAIN"), 1)).error_code
    assert not (await client.call(SaslAuthenticateRequest(auth_bytes=token), 1)).error_code
    return client


async def _clients(address: HostPort, context: ssl.SSLContext, token: bytes) -> None:
    clients: list[ProtocolClient] = []
    limit = trio.CapacityLimiter(AT_A_TIME)

    async def connect() -> None:
        async with limit:
            clients.append(await _logged_in(address, context, token))

    async def ask(client: ProtocolClient) -> None:
        for _ in range(ROUNDS):
            assert not (await client.call(ListGroupsRequest(), 4)).error_code

    async with trio.open_nursery() as nursery:
        for _ in range(CLIENTS):
            nursery.start_soon(connect)
    connected = _memory_mib()
    slow = clients.pop()
    partition = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
    fetch = FetchRequest(
        max_wait_ms=0, min_bytes=1, max_bytes=1 << 20, topics=(FetchTopic(topic="large", partitions=(partition,)),)
    )
    for _ in range(SLOW_FETCHES):
        await slow.send(fetch, 11)
    async with trio.open_nursery() as nursery:
        for client in clients:
            nursery.start_soon(ask, client)
    served = _memory_mib()
    for client in (*clients, slow):
        await trio.aclose_forcefully(client.stream)
    print(f"{CLIENTS} clients: {connected} MiB connected, {served} MiB served")
    assert served - connected < MOST_MIB


def test_a_thousand_clients_and_a_slow_one() -> None:
    """The others are answered, and what the slow one has asked for is not kept in memory."""
    with run(topics={"large": 1}) as cluster, run_proxy(cluster.bootstrap, security="sasl_ssl") as proxy:
        for _ in range(4):
            cluster.produce("large", "x" * (1 << 19))
        access = proxy.client_access()
        token = f"\0{access.username}\0{access.password}".encode()
        trio.run(_clients, HostPort.parse(proxy.bootstrap), access.ssl_context(), token)
