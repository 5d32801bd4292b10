"""Whether the versions of clients and brokers meet."""

from __future__ import annotations

import pytest

from kafkalite.tools.cli.doctor import CLIENTS
from kafkalite.tools.doctor.client_families import ESSENTIAL, FAMILIES, Job, api_name, judge
from kafkalite_wire.apis import APIS

KAFKALITE = {key: (api.min_version, api.max_version) for key, api in APIS.items()}
KAFKA_4 = KAFKALITE | {24: (0, 5), 25: (0, 4), 26: (0, 5), 28: (0, 5)}
KAFKA_0_10 = {0: (0, 2), 1: (0, 3), 2: (0, 1), 3: (0, 2), 8: (0, 2), 9: (0, 2), 10: (0, 0), 11: (0, 1), 12: (0, 0),
              13: (0, 0), 14: (0, 0), 18: (0, 0), 19: (0, 1), 20: (0, 1)}  # fmt: skip


def works(key: str, broker: dict[int, tuple[int, int]]) -> dict[Job, bool]:
    [family] = [family for family in FAMILIES if family.key == key]
    return {verdict.job: verdict.works for verdict in judge(family, broker)}


@pytest.mark.parametrize("key", [family.key for family in FAMILIES])
def test_every_client_does_everything_with_kafka_4(key: str) -> None:
    assert all(works(key, KAFKA_4).values())


@pytest.mark.parametrize("key", ["java", "librdkafka", "kafka-python", "aiokafka", "kafkajs", "franz-go"])
def test_without_the_transaction_apis_only_transactions_fail(key: str) -> None:
    found = works(key, KAFKALITE)
    assert [job for job, works in found.items() if not works] == [Job.TRANSACTIONS]


def test_a_broker_of_2016_is_too_old_for_java_and_not_for_aiokafka() -> None:
    assert not any(works("java", KAFKA_0_10)[job] for job in ESSENTIAL)
    assert all(works("aiokafka", KAFKA_0_10)[job] for job in ESSENTIAL)


def test_the_reason_names_the_request_and_both_versions() -> None:
    java = FAMILIES[0]
    produce = next(verdict for verdict in judge(java, KAFKA_0_10) if verdict.job is Job.PRODUCE)
    assert produce.reason == (
        "the broker is too old: Produce up to 2, the client needs 3; the broker has no InitProducerId"
    )


def test_a_broker_with_only_new_versions_is_too_new_for_older_clients() -> None:
    aiokafka = next(family for family in FAMILIES if family.key == "aiokafka")
    produce = judge(aiokafka, KAFKA_4 | {0: (9, 13)})[0]
    assert produce.reason == "the broker is too new: Produce from 9 on, the client knows up to 8"


def test_the_ids_of_idempotent_producers_are_missed_only_by_clients_that_ask_for_them() -> None:
    without = {key: versions for key, versions in KAFKA_4.items() if key != 22}
    assert not works("java", without)[Job.PRODUCE]
    assert works("librdkafka", without)[Job.PRODUCE]


def test_every_api_has_a_name() -> None:
    assert (api_name(0), api_name(24), api_name(99)) == ("Produce", "AddPartitionsToTxn", "API 99")


def test_the_command_line_offers_every_family() -> None:
    assert tuple(family.key for family in FAMILIES) == CLIENTS
