"""``check-records``: what records have to be like, so that others are refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafkalite.config.options import OptionError
from kafkalite.interceptors.interface import MessageInterceptor, Refuse
from kafkalite.interceptors.produced import TopicPatterns, batches
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.records import CorruptBatch, iter_records

if TYPE_CHECKING:
    from kafkalite.interceptors.interface import Context
    from kafkalite.requests.parts.message_parts import Part
    from kafkalite_wire.apis import Api
    from kafkalite_wire.records import Record


@dataclass
class CheckedRecords(MessageInterceptor):
    """Refuses batches with a record that breaks a rule, with INVALID_RECORD and the reason."""

    topics: tuple[str, ...] = ()
    """Names with the wildcards ``*`` and ``?``; by default all topics."""
    max_bytes: int | None = None
    """The most bytes of a record's key, value and headers."""
    key: bool = False
    """Whether a record must have a key."""
    headers: tuple[str, ...] = ()
    """Headers that a record must have."""
    json: bool = False
    """Whether the value must be JSON."""
    json_schema: Path | None = None
    """A file with the JSON Schema of the value; tombstones, which have none, pass."""
    _topics: TopicPatterns = field(init=False, repr=False, compare=False)
    _validator: Any = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.max_bytes is None and not (self.key or self.headers or self.json or self.json_schema):
            raise OptionError("", "nothing is checked: set max_bytes, key, headers, json or json_schema")
        if self.max_bytes is not None and self.max_bytes < 1:
            raise OptionError("max_bytes", f"must be at least 1, and is {self.max_bytes}")
        self._topics = TopicPatterns(self.topics)
        if self.json_schema is not None:
            self._validator = _validator(self.json_schema)

    def wants(self, api: Api, version: int) -> bool:
        """Return whether it is Produce."""
        del version
        return api.key is ApiKey.PRODUCE

    def on_request(self, request: Any, context: Context) -> Any:
        """Refuse the partitions with a wrong record."""
        problems: dict[Part, str] = {}
        for part, (_, data) in batches(request, self._topics, context):
            try:
                for number, record in enumerate(iter_records(data)):
                    problem = self._problem(record)
                    if problem is not None:
                        problems[part] = f"record {number} of the batch: {problem}"
                        break
            except CorruptBatch:
                continue  # the cluster refuses it
        if not problems:
            return request
        return Refuse(ErrorCode.INVALID_RECORD, problems.__contains__, "; ".join(dict.fromkeys(problems.values())))

    def _problem(self, record: Record) -> str | None:
        if self.max_bytes is not None and (size := _size(record)) > self.max_bytes:
            return f"it has {size} bytes, and may have {self.max_bytes}"
        if self.key and record.key is None:
            return "it has no key"
        for name in self.headers:
            if all(name != given for given, _ in record.headers):
                return f"it has no header {name!r}"
        if record.value is None or not (self.json or self._validator is not None):
            return None
        try:
            value = json.loads(record.value)
        except ValueError:
            return "its value is not JSON"
        if self._validator is None:
            return None
        error = next(self._validator.iter_errors(value), None)
        return None if error is None else f"its value does not fit the schema: {error.message}"


def _size(record: Record) -> int:
    headers = sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _validator(path: Path) -> Any:
    try:
        schema = json.loads(path.read_bytes())
    except OSError as error:
        raise OptionError("json_schema", f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise OptionError("json_schema", f"{path} is not JSON: {error}") from None
    try:
        library: Any = import_module("jsonschema_rs")  # optional, and untyped where it is not installed
    except ModuleNotFoundError:
        raise OptionError("json_schema", "needs jsonschema-rs: run pip install 'kafkalite[json-schema]'") from None
    try:
        return library.validator_for(schema)
    except (ValueError, library.ValidationError) as error:
        raise OptionError("json_schema", f"{path} is no JSON Schema: {error}") from None
