"""A trio program with its own Kafka broker: no other process, no fixed port, stopped at the end of the block."""

import trio
from confluent_kafka import Consumer, Producer

import kafkalite


def produce(bootstrap: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("greetings", b"hello from trio")
    producer.flush(30)


def consume(bootstrap: str) -> str:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["greetings"])
    message = consumer.poll(30)
    consumer.close()
    return message.value().decode()


async def main() -> None:
    async with kafkalite.Broker() as broker:
        await trio.to_thread.run_sync(produce, broker.bootstrap)
        print(await trio.to_thread.run_sync(consume, broker.bootstrap))


if __name__ == "__main__":
    trio.run(main)
