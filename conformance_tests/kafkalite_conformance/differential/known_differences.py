"""What may differ and why. The page for people is docs/differences.md: each entry names its row there."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from kafkalite_conformance.differential.comparing import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDifference:
    """A difference that is meant. The patterns are those of a shell; `row` is the first cell of the row on the page."""

    conversation: str
    asked: str = "*"
    path: str = "*"
    kafka: str = "*"
    row: str
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Return whether this entry describes the difference."""
        # Brackets are indices in a path, and sets of letters in a pattern.
        path = self.path.replace("[", "[[]")
        return (
            fnmatchcase(difference.conversation, self.conversation)
            and fnmatchcase(difference.asked, self.asked)
            and fnmatchcase(difference.path, path)
            and fnmatchcase(repr(difference.kafka), self.kafka)
        )


_NO_UNKNOWN_ERRORS: Final = "no error of ours is unknown to us"

KNOWN_DIFFERENCES: Final[Sequence[KnownDifference]] = (
    KnownDifference(
        conversation="metadata.api_versions",
        path="api_keys",
        row="API versions",
        reason="an API that is not served is not offered",
    ),
    KnownDifference(
        conversation="metadata.api_versions",
        path="*_features",
        row="features in ApiVersions",
        reason="no API here depends on one yet",
    ),
    KnownDifference(
        conversation="metadata.topics_are_described",
        asked="*(neither)",
        row="Metadata for a topic that has neither a name nor an id",
        reason=_NO_UNKNOWN_ERRORS,
    ),
    KnownDifference(
        conversation="administration.configurations_are_described",
        asked="*(type 8, *",
        row="loggers of the broker in DescribeConfigs",
        reason="kafkalite's loggers cannot be set by clients",
    ),
    KnownDifference(
        conversation="administration.topics_are_created",
        path="*.topic_id",
        row="topic id of a CreateTopics request with `validate_only`",
        reason="there is no topic that it would be the id of; later ids count differently for it",
    ),
    KnownDifference(
        conversation="offsets.times_after_records_were_deleted",
        row="ListOffsets by time after DeleteRecords",
        kafka="-1",
        reason="a consumer that starts at a time should not skip records, or stop at the end",
    ),
    KnownDifference(
        conversation="producing.*",
        path="*.log_start_offset",
        kafka="0",
        row="log start offset in the answer to a refused batch",
        reason="it is of no use there",
    ),
    KnownDifference(
        conversation="refusals.batches_that_are_refused",
        path="*.log_start_offset",
        kafka="0",
        row="log start offset in the answer to a refused batch",
        reason="it is of no use there",
    ),
    KnownDifference(
        conversation="producing.batches_that_are_damaged",
        asked="*(codec [57])",
        row="a compression type that does not exist",
        reason=_NO_UNKNOWN_ERRORS,
    ),
    KnownDifference(
        conversation="producing.batches_that_are_damaged",
        asked="*(gzip of nothing)",
        row="damage inside a batch whose checksum is right",
        reason="nothing is decompressed without need",
    ),
    KnownDifference(
        conversation="producing.batches_that_are_damaged",
        asked="*(a record that is too long)",
        row="damage inside a batch whose checksum is right",
        reason="records are not read without need",
    ),
    KnownDifference(
        conversation="producing.batches_that_are_damaged",
        asked="*(log append time)",
        row="a batch that claims to carry the broker's time",
        reason="what it claims is not so",
    ),
    KnownDifference(
        conversation="producing.batches_that_are_damaged",
        asked="*(null)",
        row="a Produce request whose records are null",
        reason="a client should not have to time out",
    ),
    KnownDifference(
        conversation="group_rebalances.a_*_overtakes_another_of_the_same_member",
        row="a JoinGroup or SyncGroup request that overtakes another of the same member",
        reason="replies keep their order on a connection, so the first one must be answered some time",
    ),
)


def reason_for(difference: Difference) -> KnownDifference | None:
    """Find the entry that covers a difference."""
    return next((known for known in KNOWN_DIFFERENCES if known.covers(difference)), None)
