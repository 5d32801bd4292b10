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


_INTERVALS: Final = (
    "`group.consumer.assignment.interval.ms`, `group.share.assignment.interval.ms`, "
    "`group.streams.assignment.interval.ms`"
)
_DELAYS: Final = "`group.initial.rebalance.delay.ms`, `group.streams.initial.rebalance.delay.ms`"

KNOWN_DIFFERENCES: Final[Sequence[KnownDifference]] = (
    KnownDifference(
        conversation="administration.configurations_are_described",
        asked="*type 32*",
        path="results*value",
        kafka="'3000'",
        row=_DELAYS,
        reason="a new group is stable at once",
    ),
    KnownDifference(
        conversation="config_changes.groups_are_configured",
        path="results*value",
        kafka="'3000'",
        row=_DELAYS,
        reason="a new group is stable at once",
    ),
    KnownDifference(
        conversation="administration.configurations_are_described",
        asked="*type 32*",
        path="results*value",
        kafka="'1000'",
        row=_INTERVALS,
        reason="a new member has its partitions at once",
    ),
    KnownDifference(
        conversation="config_changes.groups_are_configured",
        path="results*value",
        kafka="'1000'",
        row=_INTERVALS,
        reason="a new member has its partitions at once",
    ),
    KnownDifference(
        conversation="metadata.api_versions",
        path="api_keys",
        row="API versions",
        reason="clients see what they cannot use",
    ),
    KnownDifference(
        conversation="metadata.api_versions",
        path="*_features*",
        row="features in ApiVersions and UpdateFeatures",
        reason="clients do not choose protocols that are not served",
    ),
    KnownDifference(
        conversation="cluster_features.the_quorum",
        path="nodes[0].listeners",
        row="endpoints of voters in DescribeQuorum",
        reason="there is no controller listener",
    ),
    KnownDifference(
        conversation="offsets.times_after_records_were_deleted",
        row="ListOffsets by time after DeleteRecords",
        kafka="-1",
        reason="a consumer that starts at a time skips no records",
    ),
    KnownDifference(
        conversation="transactions_begun.no_transaction_is_named",
        row="requests that Kafka never answers",
        reason="the client does not time out",
    ),
    KnownDifference(
        conversation="transactions_ended.partitions_and_producers_are_named_twice",
        asked="*(a partition)",
        row="requests that Kafka never answers",
        reason="the client does not time out",
    ),
    KnownDifference(
        conversation="transactions_ended.the_end_of_a_transaction_that_was_ended_by_hand",
        row="a transaction whose marker is refused",
        reason="the transactional id can be used again",
    ),
    KnownDifference(
        conversation="transactions_described.transactions_are_listed",
        asked="*(pattern *",
        row="the pattern of ListTransactions",
        reason="the syntax of Python's regular expressions that takes polynomial time",
    ),
    KnownDifference(
        conversation="exhausted_epochs.producer_ids_run_out_of_epochs",
        asked="fenced, *",
        row="a producer that is fenced with the last epoch of its producer id",
        reason="the producer can go on",
    ),
    KnownDifference(
        conversation="producing.batches_that_are_damaged",
        asked="*(gzip of nothing*",
        row="damage inside a batch whose checksum is right",
        reason="batches are not decompressed",
    ),
    KnownDifference(
        conversation="producing.batches_that_are_damaged",
        asked="*(a record that is too long*",
        row="damage inside a batch whose checksum is right",
        reason="records are not parsed",
    ),
    KnownDifference(
        conversation="producing.batches_that_are_damaged",
        asked="*(null)",
        row="a Produce request whose records are null",
        reason="the client does not time out",
    ),
    KnownDifference(
        conversation="group_rebalances.a_*_overtakes_another_of_the_same_member",
        row="a JoinGroup or SyncGroup request that overtakes another of the same member",
        reason="responses are sent in order, so the first one must be answered",
    ),
    KnownDifference(
        conversation="producing.batches_that_are_damaged",
        asked="*(a * time *, fetched)",
        path="*.records[*",
        row="records inside a plain batch",
        reason="records are not parsed",
    ),
)


def reason_for(difference: Difference) -> KnownDifference | None:
    """Find the entry that covers a difference."""
    return next((known for known in KNOWN_DIFFERENCES if known.covers(difference)), None)
