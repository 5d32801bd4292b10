"""Kafka's small text files, byte for byte."""

import pytest

from kafkalite_storage.files import checkpoints


def test_offset_checkpoints() -> None:
    content = b"0\n2\nt 0 5\nmy-topic 11 0\n"
    offsets = {("t", 0): 5, ("my-topic", 11): 0}
    assert checkpoints.encode_offsets(offsets) == content
    assert checkpoints.decode_offsets(content) == offsets
    assert checkpoints.encode_offsets({}) == b"0\n0\n"


def test_leader_epochs() -> None:
    content = b"0\n2\n0 0\n3 17\n"
    assert checkpoints.encode_epochs([(0, 0), (3, 17)]) == content
    assert checkpoints.decode_epochs(content) == [(0, 0), (3, 17)]


def test_partition_metadata() -> None:
    topic_id = bytes.fromhex("570ab6fc3a414a11aee1a9f826e16b77")
    content = b"version: 0\ntopic_id: Vwq2_DpBShGu4an4JuFrdw"
    assert checkpoints.encode_partition_metadata(topic_id) == content
    assert checkpoints.decode_partition_metadata(content) == topic_id


def test_clean_shutdown_marker() -> None:
    assert checkpoints.encode_clean_shutdown(12) == b'{"version":0,"brokerEpoch":12}'


def test_properties() -> None:
    content = b"#\n#Mon Nov 23 22:48:51 UTC 2026\nnode.id=1\nversion = 1\ncluster.id=a=b\n\n"
    assert checkpoints.decode_properties(content) == {"node.id": "1", "version": "1", "cluster.id": "a=b"}


@pytest.mark.parametrize("content", [b"0", b"1\n0\n", b"0\n2\nt 0 5\n", b"0\n1\nt 0\n", b"0\n1\nt x 5\n", b"0\nx\n"])
def test_damaged_checkpoints_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        checkpoints.decode_offsets(content)


def test_an_empty_checkpoint_as_kafka_makes_it_has_no_entries() -> None:
    assert checkpoints.decode_offsets(b"") == {}
    assert checkpoints.decode_epochs(b"") == []


@pytest.mark.parametrize("content", [b"version: 0", b"topic_id: abc", b"topic_id: !"])
def test_damaged_partition_metadata_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        checkpoints.decode_partition_metadata(content)
