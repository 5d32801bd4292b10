"""The pytest plugin, in a pytest of its own, as a stranger's project has it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kafkalite.testing import run
from tests.support.remote_broker import broker_elsewhere

pytest_plugins = ["pytester"]

TWENTY_TESTS = """
    import pytest
    from confluent_kafka import Consumer, Producer

    @pytest.mark.parametrize("number", range(20))
    def test_what_was_produced_is_consumed(kafkalite, kafka_bootstrap, number):
        assert list(kafkalite.topics) == []
        producer = Producer({"bootstrap.servers": kafka_bootstrap})
        producer.produce("orders", str(number).encode())
        assert producer.flush(30) == 0
        consumer = Consumer({"bootstrap.servers": kafka_bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
        consumer.subscribe(["orders"])
        message = consumer.poll(30)
        assert message.value() == str(number).encode()
        consumer.close()
"""


def result(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in a process of its own."""
    return pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", *arguments)


def test_a_stranger_has_kafka_in_three_lines(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_orders_arrive(kafkalite):
            kafkalite.produce("orders", "one")
            assert kafkalite.consume("orders")[0].text == "one"
    """)
    result(pytester).assert_outcomes(passed=1)


def test_a_brokers_modules_are_not_rewritten_but_a_tests_are(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys

        def test_loaders(kafkalite):
            kafkalite.topics.create("orders")
            ours = [module for name, module in sys.modules.items() if name.split(".")[0].startswith("kafkalite")]
            rewritten = {module.__name__ for module in ours if "rewrite" in type(module.__loader__).__module__}
            assert len(ours) > 50
            assert rewritten <= {"kafkalite", "kafkalite.pytest_plugin"}  # what pytest imports to load the plugin
            assert "rewrite" in type(__loader__).__module__
    """)
    result(pytester).assert_outcomes(passed=1)


def test_a_proxy_stands_before_the_tests_broker_or_one_that_the_project_names(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from confluent_kafka import Producer

        def test_a_fault(kafkalite, kafkalite_proxy):
            producer = Producer({"bootstrap.servers": kafkalite_proxy.bootstrap})
            with kafkalite_proxy.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", times=1) as fault:
                producer.produce("orders", b"one")
                assert producer.flush(30) == 0
            assert len(fault.fired) == 1
            assert kafkalite.records("orders")[0].text == "one"
    """)
    pytester.mkdir("elsewhere").joinpath("test_it.py").write_text(
        "def test_upstream(kafkalite_proxy, kafkalite_proxy_upstream):\n"
        "    assert kafkalite_proxy_upstream == 'kafka:9092'\n"
    )
    result(pytester, "test_a_proxy_stands_before_the_tests_broker_or_one_that_the_project_names.py").assert_outcomes(
        passed=1
    )
    result(pytester, "-o", "kafkalite_proxy_upstream=kafka:9092", "elsewhere").assert_outcomes(passed=1)


def test_twenty_tests_each_have_a_clean_broker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TWENTY_TESTS)
    result(pytester).assert_outcomes(passed=20)


def test_twenty_tests_each_find_the_sessions_broker_as_it_was(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.fixture(scope="module", autouse=True)
        def seed(kafkalite_server):
            kafkalite_server.produce("orders", "seed")

        @pytest.mark.parametrize("number", range(20))
        def test_in_a_scratch(kafkalite_scratch, kafkalite_server, number):
            assert kafkalite_scratch.bootstrap == kafkalite_server.bootstrap
            assert [record.text for record in kafkalite_scratch.records("orders")] == ["seed"]
            kafkalite_scratch.produce("orders", str(number))
            kafkalite_scratch.topics.create("own")
            assert number != 7
    """)
    result(pytester).assert_outcomes(passed=19, failed=1)


def test_controls_end_with_a_scratch(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from confluent_kafka import Consumer, Producer

        def test_leaves_all_controls_on(kafkalite_scratch):
            kafkalite_scratch.faults.drop("Produce")
            kafkalite_scratch.clock.freeze()
            kafkalite_scratch.coordinator.move_away()
            kafkalite_scratch.coordinator.move_away("g")
            kafkalite_scratch.groups.pin("g", {"nobody": [("t", 0)]})
            kafkalite_scratch.requests.start()

        def test_finds_none(kafkalite_scratch):
            producer = Producer({"bootstrap.servers": kafkalite_scratch.bootstrap})
            producer.produce("t", "one")
            assert producer.flush(30) == 0
            consumer = Consumer({
                "bootstrap.servers": kafkalite_scratch.bootstrap, "group.id": "g", "auto.offset.reset": "earliest"
            })
            consumer.subscribe(["t"])
            assert consumer.poll(30).value() == b"one"
            consumer.close()
    """)
    result(pytester).assert_outcomes(passed=2)


def test_a_scratch_on_another_broker_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_in_a_scratch(kafkalite_scratch): pass")
    with run() as other:
        done = result(pytester, "--kafka-bootstrap", other.bootstrap)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*NotOnThisBroker: taking snapshots works only with a broker in the test's process*"])


def test_workers_of_xdist_do_not_meet(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_alone(kafkalite, kafkalite_server, number):
            kafkalite.topics.create("t")
            assert kafkalite.bootstrap != kafkalite_server.bootstrap
    """)
    result(pytester, "-n", "2").assert_outcomes(passed=6)


def test_a_server_lives_for_the_session(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_first(kafkalite_server):
            kafkalite_server.produce("kept", "one")

        def test_second(kafkalite_server, kafkalite):
            assert "kept" in kafkalite_server.topics
            assert "kept" not in kafkalite.topics
    """)
    result(pytester).assert_outcomes(passed=2)


def test_properties_are_set_by_a_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.fixture(scope="session")
        def kafkalite_config():
            return {"num.partitions": 4}

        def test_partitions(kafkalite):
            kafkalite.produce("t", "x")
            assert kafkalite.topics["t"].partitions == 4
    """)
    result(pytester).assert_outcomes(passed=1)


def test_asyncio_and_trio_tests_await(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import asyncio
        import threading
        import trio

        async def waits(kafkalite):
            threading.Timer(0.05, kafkalite.produce, ["later", "x"]).start()
            (record,) = await kafkalite.aio.consume("later")
            assert record.text == "x"
            try:
                await kafkalite.aio.await_stable("g", timeout=0.05)
            except TimeoutError as error:
                assert "now: group 'g' is Dead" in str(error)
            else:
                assert False

        def test_asyncio(kafkalite):
            asyncio.run(waits(kafkalite))

        def test_trio(kafkalite):
            trio.run(waits, kafkalite)
    """)
    result(pytester).assert_outcomes(passed=2)


def test_the_same_tests_run_on_a_broker_that_is_there(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_orders(kafkalite, kafka_bootstrap):
            kafkalite.topics.create("orders")
            kafkalite.produce("orders", "one")
            assert kafkalite.consume("orders")[0].text == "one"
            print("ON", kafka_bootstrap)
    """)
    with run(topics={"mine": 1}) as broker:
        outcome = result(pytester, "-s", "--kafka-bootstrap", broker.bootstrap)
        outcome.assert_outcomes(passed=1)
        outcome.stdout.fnmatch_lines([f"*ON {broker.bootstrap}*"])
        assert list(broker.topics) == ["mine"], "what the test created has gone, and nothing else"


def test_the_same_tests_steer_a_broker_whose_controls_are_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_a_day_in_a_scratch(kafkalite_scratch):
            kafkalite_scratch.produce("orders", "one")
            kafkalite_scratch.clock.advance(86_400)
            kafkalite_scratch.faults.drop("Fetch")

        def test_nothing_is_left_of_it(kafkalite):
            assert list(kafkalite.topics) == list(kafkalite.faults) == []
    """)
    with broker_elsewhere() as (bootstrap, controls):
        there = (f"--kafka-bootstrap={bootstrap}", f"--kafka-controls={controls}")
        result(pytester, *there).assert_outcomes(passed=2)
    outcome = result(pytester, f"--kafka-controls={controls}")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    outcome.stderr.fnmatch_lines(["*--kafka-controls needs --kafka-bootstrap*"])


def test_the_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, kafkalite.pytest_plugin;"
        "print(sorted(name for name in sys.modules if name.startswith(('kafkalite', 'trio'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['kafkalite', 'kafkalite.pytest_plugin']\n"
