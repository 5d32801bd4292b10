"""Files of faults: the same words as in a test, and mistakes told with their line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kafkalite.controls.faults.fault import Fault
from kafkalite.controls.faults.file import TomlError, read_faults


def read(folder: Path, source: str) -> list[Fault]:
    file = folder / "faults.toml"
    file.write_text(source)
    return read_faults(file)


def test_a_file_says_what_a_test_says(tmp_path: Path) -> None:
    faults = read(
        tmp_path,
        """
        [[fault]]
        name = "the leader has moved"
        api = ["Produce", "fetch"]
        version = "7+"
        client_id = "bill*"
        topic = "clicks"
        partition = 1
        skip = 2
        times = 3
        probability = 0.5
        seed = 7
        since = 10
        until = 20.5
        error = "NOT_LEADER_OR_FOLLOWER"
        delay = 1

        [[fault]]
        api = "JoinGroup"
        group = "readers"
        member = "anna"
        nth = 2
        drop = true
        """,
    )
    assert faults == [
        Fault(
            name="the leader has moved",
            api=["Produce", "Fetch"],
            version="7+",
            client_id="bill*",
            topic="clicks",
            partition=1,
            skip=2,
            times=3,
            probability=0.5,
            seed=7,
            since=10.0,
            until=20.5,
            error="NOT_LEADER_OR_FOLLOWER",
            delay=1.0,
        ),
        Fault(api=["JoinGroup"], group="readers", member="anna", nth=2, drop=True, on="reply"),
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('[[fault]]\nerorr = "X"', "2: erorr: no such key; did you mean error?; keys: api, error, name, version"),
        ('faults = 1\n[[fault]]\napi = "Fetch"', "1: faults: no such key; faults are tables [[fault]]"),
        ('# [[fault]]\n[fault]\napi = "Fetch"', "2: fault: each fault is a table [[fault]], with two brackets"),
        ('[[fault]]\napi = "Fetsh"\ndrop = true', "2: api: there is no API 'Fetsh'; did you mean Fetch?"),
        ('[[fault]]\napi = "?"\ndrop = true', "2: api: there is no API '?'; APIs: Produce, Fetch, ListOffsets"),
        ("[[fault]]\napi = 1\ndrop = true", "2: api: must be the name of an API, or several, and is 1"),
        ("[[fault]]\napi = []\ndrop = true", "2: api: must be the name of an API, or several, and is []"),
        ("[[fault]]\napi = [1]\ndrop = true", "2: api: must be the name of an API, and is 1"),
        ('[[fault]]\nerror = "NOT_LEADER"', "2: error: there is no error 'NOT_LEADER'; did you mean NOT_LEADER_OR"),
        ('[[fault]]\nerror = "NONE"', "2: error: NONE is no error"),
        ('[[fault]]\nversion = "new"\ndrop = true', '2: version: must be a version such as 9, or several such as "0'),
        ('[[fault]]\nversion = "9-3"\ndrop = true', "2: version: must be a version such as 9"),
        ('[[fault]]\napi = "Fetch"\nversion = 3\ndrop = true', "3: version: Fetch has the versions 4 to 18"),
        ('[[fault]]\ndrop = "yes"', "2: drop: must be true or false, and is 'yes'"),
        ("[[fault]]\ndelay = -1", "2: delay: must be a number of seconds, and is -1"),
        (
            "[[fault]]\nthrottle = 1e7",
            "2: throttle: must be at most 2147483 s, the limit of throttle_time_ms, and is 10000000.0",
        ),
        ("[[fault]]\ndelay = true", "2: delay: must be a number of seconds, and is True"),
        ("[[fault]]\ndrop = true\nprobability = 2", "3: probability: must be a number from 0 to 1, and is 2"),
        ("[[fault]]\ndrop = true\nnth = 0", "3: nth: must be an integer of at least 1, and is 0"),
        ("[[fault]]\ndrop = true\nnth = 1\ntimes = 2", "3: nth: excludes skip and times: it is one request"),
        ("[[fault]]\ndrop = true\nseed = 1", "3: seed: has no effect without a probability"),
        ("[[fault]]\ndrop = true\nsince = 5\nuntil = 5", "4: until: must be later than since"),
        ("[[fault]]\ndrop = true\ntopic = ''", "3: topic: must be a string, and is ''"),
        ('[[fault]]\ndrop = true\non = "both"', '3: on: must be "request" or "reply", and is \'both\''),
        ('[[fault]]\n\napi = "Fetch"', "1: nothing happens: give one of error, delay, hold, disconnect, drop, corrupt"),
        ("[[fault]]\ndrop = false", "1: nothing happens"),
        ('[[fault]]\nerror = "UNKNOWN_SERVER_ERROR"\ndrop = true', "3: drop: excludes error: a request can end in one"),
        ("[[fault]]\nhold = true\ndelay = 1", "3: delay: excludes hold, which lasts until it is released"),
        ("[[fault]]\nthrottle = 1\ndrop = true", "2: throttle: excludes drop: there is no reply to change"),
        ('[[fault]]\ncorrupt = true\nerror = "CORRUPT_MESSAGE"', "2: corrupt: excludes error, which leaves no records"),
        ('[[fault]]\ncorrupt = true\napi = "Produce"', "2: corrupt: is for Fetch only, whose replies have records"),
        ('[[fault]]\ncorrupt = true\non = "request"', "3: on: is the reply for corrupt"),
        ('[[fault]]\napi = "Heartbeat"\ntopic = "t"\ndrop = true', "3: topic: a request of Heartbeat has no topic"),
        ('[[fault]]\napi = "ListGroups"\nmember = "m"\ndrop = true', "3: member: a request of ListGroups has no"),
        ('[[fault]]\napi = "Fetch"\ntransactional_id = "t"\ndrop = true', "3: transactional_id: a request of"),
        ('[[fault]]\napi = "Fetch"\nresource = "topic:t"\ndrop = true', "3: resource: a request of Fetch has no"),
        ('[[fault]]\nresource = "t"\ndrop = true', "2: resource: must be TYPE:NAME with a type of topic, broker"),
        ('[[fault]]\nbroker = "1"\ndrop = true', "2: broker: must be an integer of at least 0, and is '1'"),
        ("[other]\n", "1: other: no such key"),
        ("", " there is no table [[fault]] in it"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_key(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(TomlError, match=re.escape(f"{tmp_path / 'faults.toml'}:{message}")):
        read(tmp_path, source)


def test_a_file_that_is_no_toml_or_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TomlError, match=r"cannot read .*faults\.toml: .*line 2"):
        read(tmp_path, "[[fault]]\napi = \n")
    with pytest.raises(TomlError, match=r"cannot read .*none\.toml: No such file"):
        read_faults(tmp_path / "none.toml")
