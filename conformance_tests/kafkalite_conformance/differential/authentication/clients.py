"""Client libraries that connect, produce a record and read it: what each reports of a login."""

import asyncio
import json
import logging
import os
import pickle
import re
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from kafkalite_conformance.differential.authentication.logins import LOGINS, Login
from kafkalite_conformance.differential.authentication.secured_brokers import Certificates, Secured
from kafkalite_conformance.drivers.building import Program, go_program, kafkajs
from kafkalite_conformance.reference_broker import class_path, kafka_jars

Attempt = Callable[[Login, Secured, Certificates], str]

_TIMEOUT: Final = 20.0
_TO_FAIL: Final = 3.0
_AT_A_TIME: Final = 6
_TELLING: Final = ("_AUTHENTICATION", "_SSL", "_TRANSPORT", "_ALL_BROKERS_DOWN")
"""Codes of librdkafka, the one that says most of the cause first."""
_PARTICULARS: Final = re.compile(
    r"\S*:SSL routines:.*?SSL alert number \d+"
    r"|\(after \d+ms in state .*?\)|[\w.]+:\d+|'localhost', \d+|\d+ ?ms|0x[0-9a-f]+|[0-9A-F]{8,}:"
    # OpenSSL says more exactly than Java why it refuses a certificate.
    r"|(?<=Received fatal alert: )\w+|(?<=remote error: tls: )[\w ]+"
    # It also sends the authority's own certificate.
    r"|self-signed certificate in certificate chain|unable to verify the first certificate"
)


def _address(login: Login, broker: Secured) -> str:
    return f"localhost:{broker.addresses[login.listener].rpartition(':')[2]}"


def without_particulars(text: str) -> str:
    """Return an error without what differs from one attempt to the next."""
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
    if login.mechanism == "OAUTHBEARER":
        # It does not take a token that has expired by what the callback says.
        answer = (login.token(certificates), time.time() + 600)

        def answered(_: str) -> tuple[str, float]:
            return answer

        settings |= {"sasl.mechanism": login.mechanism, "oauth_cb": answered}
    elif login.mechanism:
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
        sentences = {without_particulars(error.str()) for error in errors if error.name() == "_AUTHENTICATION"}
        return f"{telling} {sorted(sentences)}"
    consumer = Consumer({**settings, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    message = consumer.poll(_TIMEOUT)
    consumer.close()
    return "works" if message is not None and message.value() == b"value" else "nothing is read"


def _python_settings(
    login: Login, broker: Secured, certificates: Certificates, provider: Callable[[str], object]
) -> dict[str, Any]:
    settings: dict[str, Any] = {"bootstrap_servers": _address(login, broker), "security_protocol": login.protocol}
    if "SSL" in login.protocol:
        context = ssl.create_default_context(cafile=str(login.file(certificates, login.authority)))
        if login.certificate:
            context.load_cert_chain(login.file(certificates, login.certificate))
        settings["ssl_context"] = context
    if login.mechanism == "OAUTHBEARER":
        settings |= {
            "sasl_mechanism": login.mechanism,
            "sasl_oauth_token_provider": provider(login.token(certificates)),
        }
    elif login.mechanism:
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
    base: Any = import_module("kafka.net.sasl.oauth").AbstractTokenProvider

    def provider(token: str) -> object:
        def of(_: object) -> str:
            return token

        return type("Provider", (base,), {"token": of})()

    settings = _python_settings(login, broker, certificates, provider)
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
        return without_particulars(f"{type(error).__name__}: {error}")
    return "works" if read == b"value" else "nothing is read"


def aiokafka(login: Login, broker: Secured, certificates: Certificates) -> str:
    """Produce and consume with aiokafka; an error is its class and its sentence."""
    library: Any = import_module("aiokafka")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    base: Any = import_module("aiokafka.abc").AbstractTokenProvider

    def provider(token: str) -> object:
        async def of(_: object) -> str:
            return token

        return type("Provider", (base,), {"token": of})()

    settings = _python_settings(login, broker, certificates, provider)
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
        return without_particulars(f"{type(error).__name__}: {error}")
    return "works" if read == b"value" else "nothing is read"


def java(broker: Secured, certificates: Certificates) -> Mapping[str, str]:
    """Try all logins with Kafka's own library. An error is its class and sentence."""
    with TemporaryDirectory(prefix="client-") as folder, TemporaryDirectory(prefix="tokens-") as tokens:
        for number, login in enumerate(LOGINS):
            settings = _java_settings(login, certificates) | {"bootstrap.servers": _address(login, broker)}
            if login.mechanism == "OAUTHBEARER":
                # A file beside those that the program reads.
                token_file = Path(tokens) / f"{number:03}"
                token_file.write_text(login.token(certificates))
                settings["sasl.oauthbearer.token.endpoint.url"] = token_file.as_uri()
            text = "".join(f"{name}={value}\n" for name, value in settings.items())
            (Path(folder) / f"{number:03}").write_text(text)
        source = Path(__file__).with_name("Logins.java")
        done = subprocess.run(
            [
                "java",
                "-XX:TieredStopAtLevel=1",
                *_allowed(tokens),
                "-cp",
                class_path(kafka_jars()),
                str(source),
                folder,
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    outcomes = [line.partition("\t")[2] for line in done.stdout.splitlines() if line[3:4] == "\t"]
    assert len(outcomes) == len(LOGINS), done.stdout + done.stderr
    return {login.name: without_particulars(outcome) for login, outcome in zip(LOGINS, outcomes, strict=True)}


def _allowed(folder: str) -> list[str]:
    """Return the system properties without which a Java client reads no token from a file."""
    files = [Path(folder) / f"{number:03}" for number in range(len(LOGINS))]
    name = "org.apache.kafka.sasl.oauthbearer.allowed"
    return [
        f"-D{name}.urls={','.join(file.as_uri() for file in files)}",
        f"-D{name}.files={','.join(map(str, files))}",
    ]


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
    if login.mechanism == "OAUTHBEARER":
        oauth = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLogin"
        settings |= {
            "sasl.mechanism": login.mechanism,
            "sasl.jaas.config": f"{oauth}Module required;",
            "sasl.login.callback.handler.class": f"{oauth}CallbackHandler",
        }
    elif login.mechanism:
        module = "plain.Plain" if login.mechanism == "PLAIN" else "scram.Scram"
        settings |= {
            "sasl.mechanism": login.mechanism,
            "sasl.jaas.config": f"org.apache.kafka.common.security.{module}LoginModule required "
            f'username="{login.user}" password="{login.password}";',
        }
    return settings


def _topic() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


def _go(name: str) -> Program:
    folder = Path(__file__).with_name("programs")
    return go_program(f"logins-{name}", f"go-{name}", [folder / "logins.go", folder / f"{name}.go"])


def _node() -> Program:
    modules = Path(kafkajs().command[1]).with_name("node_modules")
    program = Path(__file__).with_name("programs") / "kafkajs.js"
    return Program(["node", str(program)], {"NODE_PATH": str(modules), "KAFKAJS_NO_PARTITIONER_WARNING": "1"})


PROGRAMS: Final[Mapping[str, Callable[[], Program]]] = {
    "franz-go": lambda: _go("franz"),
    "sarama": lambda: _go("sarama"),
    "kafkajs": _node,
}
"""The libraries of other languages by name, each with a program that goes through all logins."""


def elsewhere(library: str, broker: Secured, certificates: Certificates) -> Mapping[str, str]:
    """Try all logins with a library of another language, in one process."""
    program = PROGRAMS[library]()
    described = [
        {
            "Name": login.name,
            "Address": _address(login, broker),
            "Protocol": login.protocol,
            "Mechanism": login.mechanism,
            "User": login.user,
            "Password": login.password,
            "Token": login.token(certificates) if login.mechanism == "OAUTHBEARER" else "",
            "Topic": _topic(),
            "Authority": str(login.file(certificates, login.authority)),
            "Certificate": str(login.file(certificates, login.certificate)) if login.certificate else "",
        }
        for login in LOGINS
    ]
    done = subprocess.run(
        program.command,
        input=json.dumps(described),
        env={**os.environ, **program.environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes: dict[str, str] = json.loads(done.stdout)
    return {name: without_particulars(outcome) for name, outcome in outcomes.items()}


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
