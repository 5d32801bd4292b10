"""Frames that are not requests."""

import struct

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.apis import APIS, ApiKey


@conversation
async def frames_that_nobody_understands(talk: Talk) -> None:
    """The connection ends, and others live on."""
    voice = await talk.voice()
    for note, frame in {
        "an unknown API": struct.pack(">hhih", 999, 0, 1, -1),
        "a negative API": struct.pack(">hhih", -5, 0, 1, -1),
        "no bytes": b"",
        "half a header": b"\0\3",
        "a header without a client id": struct.pack(">hhi", ApiKey.METADATA, 1, 1),
        "a client id beyond the frame": struct.pack(">hhih", ApiKey.METADATA, 1, 1, 50),
        "an absurd count": struct.pack(">hhihi", ApiKey.METADATA, 1, 1, -1, 2**30),
        "a negative count": struct.pack(">hhihi", ApiKey.METADATA, 1, 1, -1, -5),
        "an endless varint": struct.pack(">hhih", ApiKey.HEARTBEAT, 4, 1, -1) + b"\0\xff\xff\xff\xff\xff\xff\xff",
        "an empty heartbeat": struct.pack(">hhih", ApiKey.HEARTBEAT, 0, 1, -1),
        "bytes that are no text": struct.pack(">hhihh", ApiKey.HEARTBEAT, 0, 1, -1, 2) + b"\xff\xfe" + bytes(6),
        "a null group": struct.pack(">hhihhih", ApiKey.HEARTBEAT, 0, 1, -1, -1, 1, 0),
        "bytes behind the request": struct.pack(">hhihhih", ApiKey.HEARTBEAT, 0, 1, -1, 0, 1, 0) + b"more",
        "an unknown tag": struct.pack(">hhih", ApiKey.HEARTBEAT, 4, 1, -1)
        + b"\0"
        + b"\1"
        + bytes(4)
        + b"\1\0"
        + b"\1\x63\1x",
    }.items():
        await voice.send_frame(frame, note)


@conversation
async def versions_that_nobody_serves(talk: Talk) -> None:
    """One below the first and one above the last of each API."""
    voice = await talk.voice()
    for api in APIS.values():
        for version in (-1, api.min_version - 1, api.max_version + 1, 99):
            if (api.key != ApiKey.API_VERSIONS and version < api.min_version) or version > api.max_version + 50:
                frame = struct.pack(">hhih", api.key, version, 1, -1) + bytes(40)
                await voice.send_frame(frame, f"{api.name} v{version}")
