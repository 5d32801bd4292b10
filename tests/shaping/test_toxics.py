"""Toxics on a stream, by a clock that the tests hold in their hands."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.shaping.stream import CAPACITY, NamedToxic, ShapedStream
from kafkalite.shaping.toxics import (
    Bandwidth,
    Ending,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
    Toxic,
    ToxicError,
)


def stream(*toxics: Toxic, chance: Callable[[], float] = lambda: 0.5) -> ShapedStream:
    made = ShapedStream(chance)
    for number, toxic in enumerate(toxics):
        made.add(NamedToxic(name=f"toxic {number}", toxic=toxic), 0.0)
    return made


def passed(stream: ShapedStream, until: float = inf) -> list[tuple[float, bytes]]:
    """Return what leaves at each time at which something is due."""
    seen: list[tuple[float, bytes]] = []
    while (due := stream.next_due()) < until:
        seen += [(round(due, 6), data) for data in stream.take(due)]
    return seen


def test_without_toxics_bytes_pass_at_once() -> None:
    plain = stream()
    assert plain.is_plain
    plain.put(b"one", 1.0)
    assert plain.take(1.0) == [b"one"]
    plain.put_end(2.0)
    assert (plain.take(2.0), plain.ending) == ([], Ending.END_OF_STREAM)
    assert plain.next_due() == inf


def test_latency_delays_and_keeps_the_order() -> None:
    # The first number is for the toxicity, then come the middle, the longest and the shortest delay.
    slow = stream(Latency(latency=100, jitter=50), chance=iter([0.0, 0.5, 1.0, 0.0]).__next__)
    for time, data in ((0.0, b"a"), (0.01, b"b"), (0.02, b"c")):
        slow.put(data, time)
    slow.put_end(0.03)
    assert passed(slow) == [(0.1, b"a"), (0.16, b"b"), (0.16, b"c")]
    assert slow.ending is Ending.END_OF_STREAM


def test_bandwidth_spreads_bytes_over_time() -> None:
    narrow = stream(Bandwidth(rate=1))
    narrow.put(b"x" * 250, 0.0)
    assert [(time, len(data)) for time, data in passed(narrow)] == [(0.1, 100), (0.2, 100), (0.25, 50)]
    narrow.put(b"y" * 100, 5.0)
    assert [(time, len(data)) for time, data in passed(narrow)] == [(5.1, 100)]


def test_a_rate_of_zero_is_no_limit() -> None:
    wide = stream(Bandwidth())
    wide.put(b"x" * 1000, 1.0)
    assert passed(wide) == [(1.0, b"x" * 1000)]


def test_the_slicer_cuts_and_spaces() -> None:
    cut = stream(Slicer(average_size=2, delay=1000))
    cut.put(b"abcde", 0.0)
    assert passed(cut) == [(0.0, b"ab"), (0.001, b"cd"), (0.002, b"e")]


def test_limit_data_closes_after_so_many_bytes() -> None:
    limited = stream(LimitData(bytes=5))
    limited.put(b"abc", 0.0)
    assert (limited.take(0.0), limited.ending) == ([b"abc"], None)
    limited.put(b"defg", 1.0)
    assert (limited.take(1.0), limited.ending) == ([b"de"], Ending.CLOSE)


def test_a_timeout_loses_everything_and_closes() -> None:
    silent = stream(Timeout(timeout=500))
    silent.put(b"abc", 0.1)
    assert silent.take(0.4) == []
    assert silent.next_due() == 0.5
    assert (silent.take(0.5), silent.ending) == ([], Ending.CLOSE)


def test_a_timeout_of_zero_never_closes_until_it_is_removed() -> None:
    silent = stream(Timeout())
    silent.put(b"abc", 0.1)
    assert (silent.take(1e9), silent.next_due(), silent.ending) == ([], inf, None)
    silent.remove(NamedToxic(name="toxic 0", toxic=Timeout()), 1e9)
    assert silent.ending is Ending.CLOSE


def test_reset_peer_waits_for_bytes() -> None:
    reset = stream(ResetPeer(timeout=100))
    assert reset.next_due() == inf
    reset.put(b"abc", 1.0)
    assert passed(reset) == []
    assert reset.ending is Ending.RESET


def test_slow_close_delays_the_end_only() -> None:
    slow = stream(SlowClose(delay=1000))
    slow.put(b"abc", 0.0)
    slow.put_end(0.0)
    assert (slow.take(0.0), slow.ending) == ([b"abc"], None)
    assert slow.next_due() == 1.0
    assert (slow.take(1.0), slow.ending) == ([], Ending.END_OF_STREAM)


def test_toxics_act_one_after_the_other() -> None:
    both = stream(Latency(latency=1000), Bandwidth(rate=1))
    both.put(b"x" * 100, 0.0)
    assert passed(both) == [(1.1, b"x" * 100)]


def test_what_a_removed_toxic_held_goes_on_at_once() -> None:
    slow = stream(Latency(latency=1000))
    slow.put(b"abc", 0.0)
    slow.put_end(0.0)
    slow.remove(NamedToxic(name="toxic 0", toxic=Latency()), 0.1)
    assert (slow.take(0.1), slow.ending) == ([b"abc"], Ending.END_OF_STREAM)


def test_a_changed_toxic_acts_on_what_comes_later() -> None:
    slow = stream(Latency(latency=1000))
    slow.put(b"abc", 0.0)
    slow.replace(NamedToxic(name="toxic 0", toxic=Latency(latency=10)), 0.1)
    assert slow.take(0.1) == [b"abc"]
    slow.put(b"def", 0.1)
    assert passed(slow) == [(0.11, b"def")]


def test_toxicity_is_the_share_of_connections() -> None:
    toxic = NamedToxic(name="slow", toxic=Latency(latency=1000), toxicity=0.4)
    for chance, due in ((0.3, 1.0), (0.5, 0.0)):
        made = ShapedStream(partial(float, chance))
        made.add(toxic, 0.0)
        made.put(b"abc", 0.0)
        assert made.next_due() == due


def test_a_stream_that_holds_much_has_no_room() -> None:
    slow = stream(Latency(latency=1000))
    slow.put(bytes(CAPACITY), 0.0)
    assert not slow.has_room
    slow.take(1.0)
    assert slow.has_room


@pytest.mark.parametrize(
    "make",
    [
        lambda: Latency(latency=-1),
        lambda: Latency(latency=1.5),  # type: ignore[arg-type]
        lambda: Bandwidth(rate=True),
        lambda: Slicer(average_size=5, size_variation=5),
        lambda: NamedToxic(name="x", toxic=Latency(), toxicity="all"),  # type: ignore[arg-type]
    ],
)
def test_a_toxic_that_is_not_possible(make: Callable[[], object]) -> None:
    with pytest.raises(ToxicError):
        make()


PASSING = st.one_of(
    st.builds(Latency, latency=st.integers(0, 50), jitter=st.integers(0, 50)),
    st.builds(Bandwidth, rate=st.integers(0, 3)),
    st.builds(Slicer, average_size=st.integers(2, 40), size_variation=st.just(1), delay=st.integers(0, 5000)),
    st.builds(SlowClose, delay=st.integers(0, 50)),
)


@given(
    st.lists(PASSING, max_size=3),
    st.lists(st.binary(min_size=1, max_size=60), max_size=6),
    st.randoms(use_true_random=False),
)
def test_no_byte_is_lost_or_moved(toxics: list[Toxic], chunks: list[bytes], chances: Random) -> None:
    shaped = stream(*toxics, chance=chances.random)
    for number, chunk in enumerate(chunks):
        shaped.put(chunk, number * 0.01)
    shaped.put_end(1.0)
    sent = passed(shaped)
    assert b"".join(data for _, data in sent) == b"".join(chunks)
    assert shaped.ending is Ending.END_OF_STREAM
