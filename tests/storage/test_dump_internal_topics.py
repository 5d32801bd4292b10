"""Kafka's own tools read the records of internal topics as we write them: offsets, groups, transactions."""

import json
import re
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from kafkalite_storage.storage import Storage
from kafkalite_wire.records import build_batch
from tests.support.dump_log_segments import complaints, dump
from tests.support.reference_kafka import java, kafka_tools_libs
from tests.support.storage.used_directory import NOW, group_records, transaction_records

#: Lets one of Kafka's formatters for the console consumer print a record whose key and value are given in hexadecimal.
FORMAT_ONE = """
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.MessageFormatter;

public class FormatOne {
    public static void main(String[] words) throws Exception {
        MessageFormatter formatter = (MessageFormatter) Class.forName(words[0]).getConstructor().newInstance();
        formatter.configure(Map.of());
        HexFormat hex = HexFormat.of();
        byte[] value = words.length > 2 ? hex.parseHex(words[2]) : null;
        formatter.writeTo(new ConsumerRecord<>("t", 0, 0, hex.parseHex(words[1]), value), System.out);
        System.out.flush();
    }
}
"""


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the segments of both topics, written as a broker writes them."""
    path = tmp_path_factory.mktemp("data")
    storage = Storage.open(path, new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)
    found = {}
    for name, records in (("__consumer_offsets", group_records()), ("__transaction_state", transaction_records())):
        storage.create_topic(name, 1, {"cleanup.policy": "compact"}, now_ms=NOW)
        storage.log(name, 0).append(build_batch(records), now_ms=NOW)
        found[name] = path / f"{name}-0" / "00000000000000000000.log"
    storage.close()
    return found


def test_dump_log_segments_reads_offsets_and_groups(segments: dict[str, Path]) -> None:
    text = dump([segments["__consumer_offsets"]], "--offsets-decoder")
    assert not complaints(text)
    assert '"data":{"group":"g","topic":"orders","partition":0}' in text
    assert '"offset":12,"leaderEpoch":0' in text
    assert "m-1" in text
    assert '"data":{"group":"old"}' in text


def test_dump_log_segments_reads_transactions(segments: dict[str, Path]) -> None:
    text = dump([segments["__transaction_state"]], "--transaction-log-decoder")
    assert not complaints(text)
    ongoing, forgotten = re.findall(r"key: (\{.*?\}) payload: (.*)", text)
    assert json.loads(ongoing[0])["data"] == {"transactionalId": "tx"}
    _check_transaction(json.loads(ongoing[1])["data"])
    assert json.loads(forgotten[0])["data"] == {"transactionalId": "old"}
    assert forgotten[1] == "<DELETE>"


def test_kafkas_formatter_for_the_console_reads_a_transaction(tmp_path: Path) -> None:
    program = tmp_path / "FormatOne.java"
    program.write_text(FORMAT_ONE)
    record = transaction_records()[0]
    assert record.key is not None
    assert record.value is not None
    formatter = "org.apache.kafka.tools.consumer.TransactionLogMessageFormatter"
    command = [java(), "-cp", f"{kafka_tools_libs()}/*", str(program), formatter, record.key.hex(), record.value.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    printed = json.loads(done.stdout)
    assert printed["key"] == {"type": 0, "data": {"transactionalId": "tx"}}
    assert printed["value"]["version"] == 1
    _check_transaction(printed["value"]["data"])


def _check_transaction(data: dict[str, Any]) -> None:
    assert (data["producerId"], data["producerEpoch"], data["transactionStatus"]) == (8, 1, "Ongoing")
    assert data["transactionPartitions"] == [{"topic": "orders", "partitionIds": [0, 1]}]
    assert data["clientTransactionVersion"] == 2
