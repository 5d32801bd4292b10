import { Kafka, logLevel } from 'kafkajs'

/** An ordinary consumer, as an application has it. */
export async function consume(bootstrap, clientId, eachMessage, { autoCommit = true } = {}) {
  const kafka = new Kafka({ brokers: [bootstrap], clientId, logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId: 'billing', heartbeatInterval: 100, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic: 'clicks', fromBeginning: true })
  await consumer.run({ autoCommit, autoCommitThreshold: 1, eachMessage })
  return consumer
}
