"""What Apache Kafka 4.4.0 said in each conversation, kept in files, so that most runs need no Kafka.

`python -m kafkalite_conformance.differential --record` writes them; there is one file for each module of conversations.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from kafkalite_conformance.differential.comparing import Step

FOLDER: Final = Path(__file__).parent / "recordings"


class NotRecordedError(Exception):
    """A conversation has not been recorded from Kafka yet."""

    def __init__(self, conversation: str) -> None:
        super().__init__(
            f"{conversation} is not recorded: "
            f"run `python -m kafkalite_conformance.differential --record --only '{conversation}'`"
        )


def recorded(conversation: str) -> Sequence[Step]:
    """Return what Kafka said in a conversation. Raises NotRecordedError."""
    try:
        return _of_module(_module_of(conversation))[conversation]
    except KeyError:
        raise NotRecordedError(conversation) from None


def keep(transcripts: Mapping[str, Sequence[Step]], *, existing: frozenset[str]) -> None:
    """Replace the recordings of some conversations; those of conversations that no longer exist are dropped."""
    modules: dict[str, dict[str, Sequence[Step]]] = defaultdict(dict)
    for conversation, steps in transcripts.items():
        modules[_module_of(conversation)][conversation] = steps
    for module, changed in modules.items():
        kept = {name: steps for name, steps in _of_module(module).items() if name in existing}
        _write(module, kept | changed)
    _of_module.cache_clear()


def _module_of(conversation: str) -> str:
    return conversation.partition(".")[0]


def _file_of(module: str) -> Path:
    return FOLDER / f"{module}.jsonl.gz"


@cache
def _of_module(module: str) -> Mapping[str, Sequence[Step]]:
    """Return the recordings of a module: a line for each step, with the conversation that it belongs to."""
    found: dict[str, list[Step]] = defaultdict(list)
    file = _file_of(module)
    if file.exists():
        for line in gzip.decompress(file.read_bytes()).splitlines():
            row: dict[str, Any] = json.loads(line)
            found[row["conversation"]].append(Step(asked=row["asked"], answer=row["answer"]))
    return dict(found)


def _write(module: str, transcripts: Mapping[str, Sequence[Step]]) -> None:
    lines = [
        json.dumps({"conversation": name, "asked": step.asked, "answer": step.answer}, separators=(",", ":"))
        for name in sorted(transcripts)
        for step in transcripts[name]
    ]
    FOLDER.mkdir(exist_ok=True)
    # Without the time, so that equal recordings are equal files.
    _file_of(module).write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
