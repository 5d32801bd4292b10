"""`kafkalite groups` against a broker with groups of real clients."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kafkalite.tools.admin.failures import AdminError
from kafkalite.tools.admin.groups import describe_group
from kafkalite.tools.cli.commands import kafkalite

Run = Callable[..., Result]
Told = Callable[..., Any]

WITHIN = 60  # seconds, on the busiest of machines


@contextmanager
def member(bootstrap: str, group: str, topic: str) -> Iterator[Any]:
    """A member of a group that owns all partitions of a topic, and has read and committed what is there."""
    consumer = import_module("kafka").KafkaConsumer(
        bootstrap_servers=bootstrap, client_id="reader", group_id=group, auto_offset_reset="earliest",
        enable_auto_commit=False,
    )  # fmt: skip
    consumer.subscribe([topic])
    # One poll: where one ends in the middle of a rebalance, kafka-python 3.0.12 forgets that it was joining.
    assert consumer.poll(timeout_ms=1000 * WITHIN)
    consumer.commit()
    yield consumer
    consumer.close(autocommit=False)


def filled(run: Run, topic: str, *, partitions: int = 1, records: int = 5) -> None:
    run("topics", "create", topic, "-p", str(partitions))
    lines = "".join(f"{number}\n" for number in range(records))
    assert run("records", "produce", topic, "-p", "0", input=lines).exit_code == 0


def reset_to(told: Told, group: str, place: str, *options: str) -> list[tuple[int, int | None, int, int | None]]:
    rows = told("groups", "reset", group, "--to", place, *options)["partitions"]
    return [(row["partition"], row["committed"], row["new"], row["read_again"]) for row in rows]


def test_a_group_is_shown_with_owners_offsets_and_lag(run: Run, told: Told, bootstrap: str) -> None:
    filled(run, "watched", partitions=2)
    with member(bootstrap, "readers", "watched"):
        run("records", "produce", "watched", "-p", "0", input="5\n6\n")
        [group] = told("groups", "describe", "readers")
        assert (group["state"], group["protocol"], group["lag"]) == ("Stable", "range", 2)
        rows = [
            (row["partition"], row["committed"], row["end"], row["lag"], row["client_id"], row["host"])
            for row in group["partitions"]
        ]
        assert rows == [(0, 5, 7, 2, "reader", "127.0.0.1"), (1, 0, 0, 0, "reader", "127.0.0.1")]
        assert group["members"][0]["partitions"] == [["watched", 0], ["watched", 1]]
        shown = run("groups", "describe", "readers").stdout.splitlines()
        assert shown[0] == "readers: Stable, 1 member, assignor range, lag 2"
        assert shown[3].split()[:6] == ["watched", "0", "5", "7", "2", "reader"]
        assert {"group": "readers", "state": "Stable", "type": "classic", "protocol_type": "consumer"} in told(
            "groups", "list"
        )


def test_watching_looks_again(run: Run) -> None:
    filled(run, "seen")
    run("groups", "reset", "watchers", "--to", "earliest", "-t", "seen", "--execute")
    options = ("groups", "describe", "watchers", "--watch", "--interval", "0.05", "--looks", "2")
    looks = [json.loads(line) for line in run(*options, "--json").stdout.splitlines()]
    assert [look[0]["lag"] for look in looks] == [5, 5]
    assert "watchers: Empty, 0 members, lag 5" in run(*options).stdout


def test_an_interrupted_watch_ends_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    filled(run, "interrupted")
    run("groups", "reset", "leaving", "--to", "earliest", "-t", "interrupted", "--execute")
    monkeypatch.setattr("kafkalite.tools.cli.groups.time.sleep", interrupt)
    result = run("groups", "describe", "leaving", "--watch", "--json")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)


def test_a_reset_is_a_dry_run_unless_it_is_executed(run: Run, told: Told) -> None:
    filled(run, "again")
    assert reset_to(told, "dry", "2", "-t", "again") == [(0, None, 2, None)]
    assert run("groups", "describe", "dry").exit_code == 4
    result = run("groups", "reset", "dry", "--to", "2", "-t", "again")
    assert "Nothing is changed" in result.stderr
    assert reset_to(told, "dry", "2", "-t", "again", "--execute") == [(0, None, 2, None)]
    assert told("groups", "describe", "dry")[0]["partitions"][0]["committed"] == 2


def test_a_reset_counts_from_what_is_committed_and_stays_within_the_partition(run: Run, told: Told) -> None:
    filled(run, "moved")
    reset_to(told, "movers", "3", "-t", "moved", "--execute")
    assert reset_to(told, "movers", "-2") == [(0, 3, 1, 2)]
    assert reset_to(told, "movers", "+1") == [(0, 3, 4, -1)]
    assert reset_to(told, "movers", "+99") == [(0, 3, 5, -2)]
    assert reset_to(told, "movers", "latest", "-t", "moved:0") == [(0, 3, 5, -2)]


def test_a_reset_goes_to_a_time(run: Run, told: Told) -> None:
    run("topics", "create", "timed", "-p", "1", "-c", "retention.ms=-1")
    lines = "".join(
        json.dumps({"value": "x", "timestamp": 1_700_000_000_000 + 60_000 * minute}) + "\n" for minute in range(4)
    )
    run("records", "produce", "timed", "--json-lines", input=lines)
    assert reset_to(told, "timers", "2023-11-14T22:15:00Z", "-t", "timed") == [(0, None, 2, None)]
    assert reset_to(told, "timers", "1h", "-t", "timed") == [(0, None, 4, None)]


def test_a_group_with_members_is_not_reset(run: Run, bootstrap: str) -> None:
    filled(run, "busy")
    with member(bootstrap, "workers", "busy"):
        dry = run("groups", "reset", "workers", "--to", "earliest")
        assert dry.exit_code == 0
        assert "1 members are active" in dry.stderr
        result = run("groups", "reset", "workers", "--to", "earliest", "--execute")
        assert result.exit_code == 1
        assert "group 'workers' has 1 active members (reader)" in result.stderr
        assert run("groups", "delete", "workers", "--yes").output == "workers is not deleted: NON_EMPTY_GROUP\n"


def test_a_group_forgets_and_is_deleted(run: Run, told: Told) -> None:
    filled(run, "past", partitions=2)
    reset_to(told, "forgetful", "earliest", "-t", "past", "--execute")
    nothing = run("groups", "delete-offsets", "forgetful", "-t", "pasta")
    assert nothing.exit_code == 4
    assert "there is no offset of group 'forgetful' for topic 'pasta'" in nothing.output
    assert "Did you mean past?" in nothing.output
    assert run("groups", "delete-offsets", "forgetful", "-t", "past:1").output == "forgetful has forgotten 1 offset.\n"
    assert [row["partition"] for row in told("groups", "describe", "forgetful")[0]["partitions"]] == [0]
    assert told("groups", "delete", "forgetful", "--yes") == [{"group": "forgetful", "error": None}]
    assert run("groups", "describe", "forgetful").exit_code == 4


def test_offsets_of_a_topic_that_is_gone_are_shown_without_an_end(run: Run, told: Told) -> None:
    filled(run, "gone")
    reset_to(told, "mourners", "1", "-t", "gone", "--execute")
    run("topics", "delete", "gone", "--yes")
    found = run("groups", "describe", "mourners", "--json")
    if found.exit_code == 0:  # A broker may forget the offsets of a topic with it.
        assert all(row["end"] is None for row in json.loads(found.stdout)[0]["partitions"])
    assert run("groups", "reset", "mourners", "--to", "earliest").exit_code == 4


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["describe", "nobody"], 4, "there is no group 'nobody'"),
        (["delete", "nobody", "--yes"], 4, "there is no group 'nobody'"),
        (["reset", "nobody", "--to", "earliest"], 4, "has no committed offsets"),
        (["reset", "g", "--to", "earliest", "-t", "no-such"], 4, "there is no topic 'no-such'"),
        (["reset", "g", "--to", "sometime", "-t", "t"], 2, "'sometime' is no position"),
        (["reset", "g", "--to", "earliest", "-t", "t:x"], 2, "'t:x' is not of the form"),
        (["assign", "--members", ",", "-t", "t:3"], 2, "name at least one"),
        (["assign", "--members", "A", "-t", "t"], 2, "'t' is not of the form TOPIC:PARTITIONS"),
    ],
)
def test_mistakes_have_their_exit_codes(run: Run, arguments: list[str], status: int, message: str) -> None:
    result = run("groups", *arguments)
    assert result.exit_code == status
    assert message in result.stderr


def test_a_group_that_nearly_has_the_name_is_named(run: Run, told: Told) -> None:
    filled(run, "near")
    reset_to(told, "billing", "earliest", "-t", "near", "--execute")
    assert "Did you mean billing" in run("groups", "describe", "biling").stderr


class OneShareGroup:
    """An administrator's client of a broker with a share group."""

    def describe_groups(self, group_ids: list[str]) -> dict[str, dict[str, Any]]:
        return {name: {"error": "[Error 69] GroupIdNotFoundError: there is none"} for name in group_ids}

    def list_groups(self) -> list[dict[str, str]]:
        return [{"group_id": "s", "group_state": "Stable", "group_type": "share", "protocol_type": "share"}]


def test_a_share_group_is_not_described_as_one_with_offsets() -> None:
    with pytest.raises(AdminError, match="'s' is a share group") as refused:
        describe_group(OneShareGroup(), "s")
    assert "kafka-share-groups.sh" in refused.value.hint


def test_the_preview_needs_no_broker() -> None:
    arguments = ["groups", "assign", "--strategy", "range", "--members", "A,B,C,D", "--topic", "t:3"]
    result = CliRunner().invoke(kafkalite, arguments, env={"KAFKALITE_BOOTSTRAP": "127.0.0.1:1"})
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "A  t-0",
        "B  t-1",
        "C  t-2",
        "D  (hot standby: owns nothing)",
        "",
        "With one more member, D+: 3 stay, 0 move",
        "",
        "With one more partition, t-3: 3 stay, 0 move",
        "  t-3: new -> D",
        "  Warning: 75% of the keys go to another partition from then on, away from their earlier records.",
    ]
    as_json = json.loads(CliRunner().invoke(kafkalite, [*arguments, "--json"]).stdout)
    assert as_json["owned"][0] == {"member": "A", "partitions": ["t-0"]}
    assert as_json["changes"][1]["keys_moved"] == pytest.approx(0.75)
