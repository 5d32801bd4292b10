"""Recordings: a file to which each request of a pipeline is appended with its response, as the bytes that travelled.

A line is a JSON object. The first one names the format; each of the others is an exchange, with the names of topics
that it is the first to need. After a crash at most the last line is torn; it is cut off when the file is appended to.
Messages with secrets are recorded without their bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from kafkalite.controls.request_log.file import RequestLogFile
from kafkalite.controls.request_log.json_lines import shows_a_secret
from kafkalite.controls.request_log.keeping import Kept
from kafkalite.controls.request_log.log import Bounds
from kafkalite.controls.request_log.packing import exchange_of, packed_exchange
from kafkalite.errors import StartError
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.errors import WireError

if TYPE_CHECKING:
    from kafkalite.controls.local_broker import Surroundings
    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite.requests.interceptors import InterceptorChain

log = getLogger("kafkalite.recording")

_FORMAT: Final = {"kafkalite": "recording", "version": 1}
_HAVE_CONFIGURATIONS: Final = (
    ApiKey.CREATE_TOPICS, ApiKey.DESCRIBE_CONFIGS, ApiKey.ALTER_CONFIGS, ApiKey.INCREMENTAL_ALTER_CONFIGS
)  # fmt: skip
_WHOLE: Final = Bounds(calls=1, size_bytes=0, records_bytes=1 << 31)
_OWNER_ONLY: Final = 0o600
_END_OF_LINE: Final = b"\n"
_BLOCK: Final = 1 << 16


class RecordingError(ValueError):
    """A file that is not a recording; the message names the line."""


class RecordingFile(RequestLogFile):
    """Appends each request of a pipeline to a recording, once it has ended.

    A file that cannot be written any more ends the recording with an error in the program's log, not the program. What
    a crash of the machine may lose is what the operating system had not written yet. Raises StartError.
    """

    def __init__(self, path: Path, surroundings: Callable[[], Surroundings], interceptors: InterceptorChain) -> None:
        self._named: set[bytes] = set()
        try:
            begins = _prepare(path)
        except (OSError, RecordingError) as error:
            raise StartError(f"cannot record to {path}: {error}") from None
        super().__init__(path, surroundings, interceptors, bounds=_WHOLE)
        if begins:
            self._file.write(json.dumps(_FORMAT) + "\n")

    def line_of(self, exchange: Exchange) -> str:
        """Return the line of an exchange."""
        line = packed_exchange(_without_secrets(exchange))
        if len(exchange.topic_names) > len(self._named):
            names = {topic_id: name for topic_id, name in exchange.topic_names.items() if topic_id not in self._named}
            self._named |= names.keys()
            line["topic_names"] = {topic_id.hex(): name for topic_id, name in names.items()}
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_recording(path: Path, *, on_torn: Callable[[int], None]) -> Iterator[Exchange]:
    """Yield the exchanges of a recording, in the order in which they ended.

    ``on_torn`` is called with the number of bytes of a last line that is not complete. Raises RecordingError, OSError.
    """
    topic_names: dict[bytes, str] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(_END_OF_LINE):
                on_torn(len(line))
                return
            given = _parsed(path, number, line)
            if number == 1:
                _check_format(path, given)
                continue
            topic_names |= {bytes.fromhex(each): name for each, name in given.pop("topic_names", {}).items()}
            try:
                yield exchange_of(given, topic_names)
            except (LookupError, ValueError, TypeError) as error:
                raise RecordingError(f"{path}, line {number} is no exchange: {error!r}") from None


def _prepare(path: Path) -> bool:
    """Make sure that a file ends with a complete line; return whether it has to begin. Raises RecordingError."""
    path.touch(_OWNER_ONLY)
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = _end_of_last_line(file, size)
        if end < size:
            log.warning("%s ended within a line; its last %d bytes are removed", path, size - end)
            file.truncate(end)
        if end == 0:
            return True
        file.seek(0)
        _check_format(path, _parsed(path, 1, file.readline()))
        return False


def _end_of_last_line(file: Any, size: int) -> int:
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(_END_OF_LINE)
        if found >= 0:
            return start + int(found) + 1
        end = start
    return 0


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        given: object = json.loads(line)
    except ValueError as error:
        raise RecordingError(f"{path}, line {number} is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise RecordingError(f"{path}, line {number} is not a JSON object")
    return cast("dict[str, Any]", given)


def _check_format(path: Path, given: dict[str, Any]) -> None:
    if given != _FORMAT:
        raise RecordingError(f"{path} is not a recording of this version of kafkalite")


def _without_secrets(exchange: Exchange) -> Exchange:
    """Return an exchange without the bytes of messages that set or show a secret value of a configuration."""
    if exchange.api_key not in _HAVE_CONFIGURATIONS:
        return exchange
    request, response = exchange.kept_request, exchange.kept_response
    if _is_secret(exchange, "request"):
        request = Kept(request.size)
    if response is not None and _is_secret(exchange, "response"):
        response = Kept(response.size)
    return replace(exchange, kept_request=request, kept_response=response)


def _is_secret(exchange: Exchange, which: str) -> bool:
    try:
        message = getattr(exchange, which)
    except WireError:  # it cannot be looked into
        return True
    return message is not None and shows_a_secret(message)
