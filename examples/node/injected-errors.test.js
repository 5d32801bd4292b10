// A producer survives what brokers do in a bad hour, and what it was told is delivered is there just once.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Kafka, Partitioners, logLevel } from 'kafkajs'
import { Kafkalite } from './kafkalite.js'

let kafka
let producer

beforeEach(async () => {
  kafka = await Kafkalite.start()
  await kafka.post('/topics', { name: 'clicks' })
  const client = new Kafka({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 10 } })
  producer = client.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  assert.equal(await send('first'), '0')
})

afterEach(async () => {
  await producer.disconnect()
  await kafka.stop()
})

test('a refused click is sent again', async () => {
  const fault = { api: 'Produce', error: 'NOT_LEADER_OR_FOLLOWER', topic: 'clicks', times: 3 }
  await kafka.post('/faults', { name: 'moving', ...fault })
  assert.equal(await send('second'), '1')
  assert.equal((await kafka.get('/faults/moving')).fired.length, 3)
  assert.deepEqual(await clicks(), ['first', 'second'])
})

test('a click whose reply is lost is not there twice', async () => {
  await kafka.post('/faults', { name: 'lost', api: 'Produce', disconnect: true, on: 'reply', times: 1 })
  await send('second')
  assert.equal((await kafka.get('/faults/lost')).fired.length, 1)
  assert.deepEqual(await clicks(), ['first', 'second'])
})

/** Sends a click; gives the offset at which it was delivered, once the producer knows. */
async function send(value) {
  const [delivered] = await producer.send({ topic: 'clicks', messages: [{ value }] })
  return delivered.baseOffset
}

async function clicks() {
  return (await kafka.get('/topics/clicks/records')).records.map((record) => record.value)
}
