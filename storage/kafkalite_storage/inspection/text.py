"""Format the results of an inspection as lines: for people, and as JSON for programs.

Bytes come from anybody. For people they are text with everything unprintable escaped, so that no record can
steer a terminal; in JSON they are a string where they are UTF-8, and `{"base64": …}` where they are not.
"""

import base64
import json

from kafkalite_storage.inspection.decoders import Plain
from kafkalite_storage.inspection.dump import Row
from kafkalite_storage.inspection.report import Finding, Report


def row_as_text(row: Row) -> str:
    """Write a row as `name: value name: value`, as Kafka's DumpLogSegments does; records are set in by a bar."""
    fields = " ".join(f"{name}: {_text(value)}" for name, value in row.fields.items())
    if row.kind == "record":
        return f"| {fields}"
    return f"damage: {fields}" if row.kind == "damage" else fields


def row_as_json(row: Row, file: str) -> str:
    """Write a row as one JSON object that names its file and kind."""
    return _dumps({"file": file, "type": row.kind, **row.fields})


def finding_as_json(finding: Finding) -> str:
    """Write a finding as one JSON object."""
    place = {name: value for name, value in (("byte", finding.byte), ("line", finding.line)) if value is not None}
    return _dumps({"severity": str(finding.severity), "file": finding.file, **place, "what": finding.what})


def summary_as_text(report: Report) -> str:
    """Return a line that says how much was checked and what was found."""
    found = ", ".join(f"{count} {severity}" for severity, count in report.findings.items() if count) or "sound"
    return (
        f"{report.files} files, {report.batches} batches, {report.records} records, {report.bytes} bytes of batches: "
        f"{found}"
    )


def summary_as_json(report: Report) -> str:
    """Write the summary as one JSON object."""
    counts = {"files": report.files, "batches": report.batches, "records": report.records, "bytes": report.bytes}
    findings = {str(severity): count for severity, count in report.findings.items()}
    return _dumps({"summary": {**counts, **findings, "sound": report.is_sound}})


def _dumps(value: Plain) -> str:
    return json.dumps(_jsonable(value), ensure_ascii=False, separators=(",", ":"))


def _jsonable(value: Plain) -> Plain:
    match value:
        case dict():
            return {name: _jsonable(each) for name, each in value.items()}
        case list():
            return [_jsonable(each) for each in value]
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return {"base64": base64.b64encode(value).decode()}
        case str():
            return value.encode(errors="replace").decode()  # lone surrogates cannot be printed
        case _:
            return value


def _text(value: Plain) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{name}: {_text(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(_text(each) for each in value) + "]"
        case bytes():
            return printable(value.decode(errors="surrogateescape"))
        case str():
            return printable(value)
        case _:
            return str(value)


def printable(text: str) -> str:
    r"""Escape what a terminal would not print: `\n`, `\x1b`, `\u202e`; bytes that are not UTF-8 become `\xff`."""
    return "".join(char if char.isprintable() and char != "\\" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
