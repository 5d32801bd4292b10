"""Client libraries that connect, produce a record and read it: what each reports of a login."""

import asyncio
import logging
import re
import ssl
import subprocess
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from kafkalite_conformance.differential.authentication.logins import Login
from kafkalite_conformance.differential.authentication.secured_brokers import Certificates, Secured
from kafkalite_conformance.reference_broker import class_path, kafka_tools_jars

Attempt = Callable[[Login, Secured, Certificates], str]

_TIMEOUT: Final = 20.0
_TO_FAIL: Final = 3.0
_PARTICULARS: Final = re.compile(
    r"\(after \d+ms in state .*?\)|[\w.]+:\d+|'localhost', \d+|\d+ ?ms|0x[0-9a-f]+|[0-9A-F]{8,}:"
    # OpenSSL says more exactly than Java why it refuses a certificate.
    r"|(?<= )(?:ssl/tls|tlsv13?) alert .*?\d+ "
)


def _address(login: Login, broker: Secured) -> str:
    return f"localhost:{broker.addresses[login.listener].rpartition(':')[2]}"


def _without_particulars(text: str) -> str:
    return _PARTICULARS.sub("...", text)


def librdkafka(login: Login, broker: Secured, certificates: Certificates) -> str:
    """Produce and consume with confluent-kafka; the errors are their codes, and what it says of logins."""
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
        found = {error.name() for error in errors}
        sentences = {_without_particulars(error.str()) for error in errors if error.name() == "_AUTHENTICATION"}
        return f"{sorted(found)} {sorted(sentences)}"
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
    import kafka

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
    import aiokafka as library

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


def java(login: Login, broker: Secured, certificates: Certificates) -> str:
    """List topics with Kafka's own command; an error is the exception that it prints."""
    with TemporaryDirectory(prefix="client-") as folder:
        settings = Path(folder) / "client.properties"
        settings.write_text("".join(f"{name}={value}\n" for name, value in _java_settings(login, certificates).items()))
        command = [
            "java",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            class_path(kafka_tools_jars()),
            "org.apache.kafka.tools.TopicCommand",
            "--bootstrap-server",
            _address(login, broker),
            "--list",
            "--command-config",
            str(settings),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0:
        return "works"
    causes = [
        line for line in (done.stdout + done.stderr).splitlines() if re.match(r"(Caused by: )?[\w.]+Exception", line)
    ]
    return _without_particulars(causes[0] if causes else done.stderr[-300:])


def _java_settings(login: Login, certificates: Certificates) -> Mapping[str, str]:
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
    "java": java,
}
"""The libraries by name."""
