"""What a broker offers: which version of transactions, and whether it is alone."""

import socket
from contextlib import closing
from typing import Any, Final

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.client import ClientConnection
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.metadata import MetadataRequest

_VERSION_ONE: Final = {
    ApiKey.INIT_PRODUCER_ID: 0,
    ApiKey.ADD_PARTITIONS_TO_TXN: 0,
    ApiKey.ADD_OFFSETS_TO_TXN: 0,
    ApiKey.END_TXN: 0,
    ApiKey.TXN_OFFSET_COMMIT: 0,
}
_VERSION_TWO: Final = {
    ApiKey.INIT_PRODUCER_ID: 5,
    ApiKey.PRODUCE: 12,
    ApiKey.END_TXN: 5,
    ApiKey.TXN_OFFSET_COMMIT: 5,
    ApiKey.FIND_COORDINATOR: 6,
}
_FEATURE: Final = "transaction.version"


def offered_transactions(bootstrap: str) -> int:
    """Return the version of transactions (KIP-890) that a broker offers, 0 if none.

    Version 2 is used for a single broker only, because its producer here looks for no leaders.
    """
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    client = ClientConnection("checker")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as connection:
        request = ApiVersionsRequest(client_software_name="checker", client_software_version="1")
        versions = _ask(connection, client, request, 3)
        brokers = _ask(connection, client, MetadataRequest(topics=()), 9).brokers
    if not _offers(client, _VERSION_ONE):
        return 0
    finalized = {each.name: each.max_version_level for each in versions.finalized_features}
    return 2 if _offers(client, _VERSION_TWO) and finalized.get(_FEATURE, 0) >= 2 and len(brokers) == 1 else 1


def _offers(client: ClientConnection, wanted: dict[ApiKey, int]) -> bool:
    return all(key in client.versions and client.versions[key][1] >= version for key, version in wanted.items())


def _ask(connection: socket.socket, client: ClientConnection, request: object, version: int) -> Any:
    connection.sendall(client.send(request, version))
    while True:
        data = connection.recv(1 << 16)
        if not data:
            raise ConnectionResetError("the broker closed the connection")
        for response in client.receive(data):
            return response.message
