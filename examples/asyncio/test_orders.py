"""A test of asyncio code with aiokafka: waits are awaited, so the event loop keeps running."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def produce_and_consume(kafkalite):
    kafkalite.topics.create("orders")
    consumer = AIOKafkaConsumer("orders", bootstrap_servers=kafkalite.bootstrap, group_id="shop")
    producer = AIOKafkaProducer(bootstrap_servers=kafkalite.bootstrap)
    await consumer.start()
    await producer.start()
    try:
        # The consumer starts at the end: without this line the order might be sent before it has found the end.
        await kafkalite.aio.await_positioned("shop")
        await producer.send_and_wait("orders", b"two apples")
        message = await consumer.getone()
        assert message.value == b"two apples"
        await consumer.commit()
        await kafkalite.aio.await_committed("shop", "orders")
    finally:
        await producer.stop()
        await consumer.stop()


def test_an_order_arrives(kafkalite):
    asyncio.run(produce_and_consume(kafkalite))
