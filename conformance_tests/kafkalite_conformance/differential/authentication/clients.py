"""Client libraries that connect, produce a record and read it: what each reports of a login."""

import asyncio
import logging
import pickle
import re
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from kafkalite_conformance.differential.authentication.logins import LOGINS, Login
from kafkalite_conformance.differential.authentication.secured_brokers import Certificates, Secured
from kafkalite_conformance.reference_broker import class_path, kafka_jars

Attempt = Callable[[Login, Secured, Certificates], str]

_TIMEOUT: Final = 20.0
_TO_FAIL: Final = 3.0
_AT_A_TIME: Final = 6
_TELLING: Final = ("_AUTHENTICATION", "_SSL", "_TRANSPORT", "_ALL_BROKERS_DOWN")
"""Codes of librdkafka, the one that says most of the cause first."""
_PARTICULARS: Final = re.compile(
    r"\(after \d+ms in state .*?\)|[\w.]+:\d+|'localhost', \d+|\d+ ?ms|0x[0-9a-f]+|[0-9A-F]{8,}:"
    # OpenSSL says more exactly than Java why it refuses a certificate.
    r"|(?<=Received fatal alert: )\w+"
)


def _address(login: Login, broker: Secured) -> str:
    return f"localhost:{broker.addresses[login.listener].rpartition(':')[2]}"


def _without_particulars(text: str) -> str:
    return _PARTICULARS.sub("...", text)


def librdkafka(login: Login, broker: Secured, certificates: Certificates) -> str:
    """Produce and consume with confluent-kafka; an error is its code, and what it says of logins."""
    from confluent_kafka import Consumer, KafkaError, Producer

    settings: dict[str, Any] = {
        "bootstrap.servers": _address(login, broker),
        "security.protocol": login.protocol,
        "log_level": 0,
        "retry.backoff.ms": 200,
        "broker.address.family": "v4",
    }
    if "SSL" in login.protocol:
        settings["ssl.ca.location"] = str(login.file(certificates, login.authority))
        if login.certificate:
            file = str(login.file(certificates, login.certificate))
            settings |= {"ssl.certificate.location": file, "ssl.key.location": file}
    if login.mechanism:
        settings |= {
            "sasl.mechanism": login.mechanism,
            "sasl.username": login.user,
            "sasl.password": login.password,
        }
    errors: list[KafkaError] = []
    topic = _topic()
    producer = Producer({**settings, "error_cb": errors.append, "message.timeout.ms": int(_TO_FAIL * 1000)})
    failures: list[KafkaError] = []
    producer.produce(topic, b"value", on_delivery=lambda error, _: failures.append(error) if error else None)
    producer.flush(_TIMEOUT)
    if failures:
        # It tries several times, and meets other errors as well when the broker closes the connection first.
        found = {error.name() for error in errors}
        telling = next((name for name in _TELLING if name in found), str(failures[0].name()))
        sentences = {_without_particulars(error.str()) for error in errors if error.name() == "_AUTHENTICATION"}
        return f"{telling} {sorted(sentences)}"
    consumer = Consumer({**settings, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    message = consumer.poll(_TIMEOUT)
    consumer.close()
    return "works" if message is not None and message.value() == b"value" else "nothing is read"


def _python_settings(login: Login, broker: Secured, certificates: Certificates) -> dict[str, Any]:
    settings: dict[str, Any] = {"bootstrap_servers": _address(login, broker), "security_protocol": login.protocol}
    if "SSL" in login.protocol:
        context = ssl.create_default_context(cafile=str(login.file(certificates, login.authority)))
        if login.certificate:
            context.load_cert_chain(login.file(certificates, login.certificate))
        settings["ssl_context"] = context
    if login.mechanism:
        settings |= {
            "sasl_mechanism": login.mechanism,
            "sasl_plain_username": login.user,
            "sasl_plain_password": login.password,
        }
    return settings


def kafka_python(login: Login, broker: Secured, certificates: Certificates) -> str:
    """Produce and consume with kafka-python; an error is its class and its sentence."""
    kafka: Any = import_module("kafka")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings = _python_settings(login, broker, certificates)
    topic = _topic()
    try:
        producer = kafka.KafkaProducer(
            **settings, max_block_ms=int(_TO_FAIL * 1000), bootstrap_timeout_ms=int(_TO_FAIL * 1000)
        )
        producer.send(topic, b"value").get(_TIMEOUT)
        producer.close()
        consumer = kafka.KafkaConsumer(
            topic, **settings, auto_offset_reset="earliest", consumer_timeout_ms=int(_TIMEOUT * 1000)
        )
        read = next(iter(consumer)).value
        consumer.close()
    except Exception as error:  # noqa: BLE001  # any failure of a client is a result
        return _without_particulars(f"{type(error).__name__}: {error}")
    return "works" if read == b"value" else "nothing is read"


def aiokafka(login: Login, broker: Secured, certificates: Certificates) -> str:
    """Produce and consume with aiokafka; an error is its class and its sentence."""
    library: Any = import_module("aiokafka")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = _python_settings(login, broker, certificates)
    topic = _topic()

    async def attempt() -> bytes | None:
        producer = library.AIOKafkaProducer(**settings, request_timeout_ms=int(_TO_FAIL * 1000))
        try:
            await producer.start()
            await producer.send_and_wait(topic, b"value")
        finally:
            await producer.stop()
        consumer = library.AIOKafkaConsumer(topic, **settings, auto_offset_reset="earliest")
        try:
            await consumer.start()
            value: bytes | None = (await consumer.getone()).value
        finally:
            await consumer.stop()
        return value

    try:
        read = asyncio.run(asyncio.wait_for(attempt(), _TIMEOUT))
    except Exception as error:  # noqa: BLE001  # any failure of a client is a result
        return _without_particulars(f"{type(error).__name__}: {error}")
    return "works" if read == b"value" else "nothing is read"


def java(broker: Secured, certificates: Certificates) -> Mapping[str, str]:
    """Try all logins with Kafka's own library, which lists topics. An error is its class and sentence."""
    with TemporaryDirectory(prefix="client-") as folder:
        for number, login in enumerate(LOGINS):
            settings = _java_settings(login, certificates) | {"bootstrap.servers": _address(login, broker)}
            text = "".join(f"{name}={value}\n" for name, value in settings.items())
            (Path(folder) / f"{number:03}").write_text(text)
        source = Path(__file__).with_name("Logins.java")
        done = subprocess.run(
            ["java", "-XX:TieredStopAtLevel=1", "-cp", class_path(kafka_jars()), str(source), folder],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    outcomes = [line.partition("\t")[2] for line in done.stdout.splitlines() if line[3:4] == "\t"]
    assert len(outcomes) == len(LOGINS), done.stdout + done.stderr
    return {login.name: _without_particulars(outcome) for login, outcome in zip(LOGINS, outcomes, strict=True)}


def _java_settings(login: Login, certificates: Certificates) -> dict[str, str]:
    settings = {
        "security.protocol": login.protocol,
        "default.api.timeout.ms": "6000",
        "request.timeout.ms": "5000",
    }
    if "SSL" in login.protocol:
        settings |= {
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(login.file(certificates, login.authority)),
        }
        if login.certificate:
            settings |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(login.file(certificates, login.certificate)),
            }
    if login.mechanism:
        module = "plain.Plain" if login.mechanism == "PLAIN" else "scram.Scram"
        settings |= {
            "sasl.mechanism": login.mechanism,
            "sasl.jaas.config": f"org.apache.kafka.common.security.{module}LoginModule required "
            f'username="{login.user}" password="{login.password}";',
        }
    return settings


def _topic() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


CLIENTS: Final[Mapping[str, Attempt]] = {
    "librdkafka": librdkafka,
    "kafka-python": kafka_python,
    "aiokafka": aiokafka,
}
"""The libraries of Python by name."""


def python(library: str, broker: Secured, certificates: Certificates) -> Mapping[str, str]:
    """Try all logins with a library of Python, in a process of its own: some leave sockets open when they fail."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __name__],
        input=pickle.dumps((library, broker, certificates)),
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    outcomes: Mapping[str, str] = pickle.loads(done.stdout)
    return outcomes


def _main() -> None:
    library, broker, certificates = pickle.load(sys.stdin.buffer)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        held = {login.name: pool.submit(CLIENTS[library], login, broker, certificates) for login in LOGINS}
        outcomes = {name: outcome.result() for name, outcome in held.items()}
    sys.stdout.buffer.write(pickle.dumps(outcomes))


if __name__ == "__main__":
    _main()
