import assert from "node:assert/strict";
import { test } from "node:test";

import { Kafka, logLevel } from "kafkajs";
import { GenericContainer } from "testcontainers";

async function startKafka() {
  const container = await new GenericContainer("kafkalite:0.1.0")
    .withExposedPorts(9092)
    .withEnvironment({ KAFKALITE_TOPICS: "orders:3" })
    .start();
  const address = `${container.getHost()}:${container.getMappedPort(9092)}`;
  // Waits for the broker, and sets the address that it advertises.
  const { exitCode, output } = await container.exec(["kafkalite", "advertise", address]);
  assert.equal(exitCode, 0, output);
  return { container, address };
}

test("orders arrive", async () => {
  const { container, address } = await startKafka();
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.ERROR });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: "orders", messages: [{ value: "two apples" }] });
  await producer.disconnect();

  const consumer = kafka.consumer({ groupId: "billing" });
  await consumer.connect();
  await consumer.subscribe({ topic: "orders", fromBeginning: true });
  const order = await new Promise((resolve) => {
    consumer.run({ eachMessage: async ({ message }) => resolve(message.value.toString()) });
  });
  assert.equal(order, "two apples");
  await consumer.disconnect();
  await container.stop();
});
