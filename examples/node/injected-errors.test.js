// A producer retries after broker errors, and each record that it reports as delivered is stored once.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Kafka, Partitioners, logLevel } from 'kafkajs'
import { Kafkalite } from './kafkalite.js'

let kafka
let producer

beforeEach(async () => {
  kafka = await Kafkalite.start()
  await kafka.post('/topics', { name: 'clicks' })
  const settings = { logLevel: logLevel.NOTHING, retry: { initialRetryTime: 10 }, requestTimeout: 2000 }
  const client = new Kafka({ brokers: [kafka.bootstrap], ...settings })
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

test('a click arrives late and just once when the broker is slow or says nothing', async () => {
  for (const act of [{ delay: 0.1 }, { throttle: 0.1 }, { drop: true }]) {
    const [name] = Object.keys(act)
    await kafka.post('/faults', { name, api: 'Produce', times: 1, ...act })
    await send(name)
    assert.equal((await kafka.get(`/faults/${name}`)).fired.length, 1)
  }
  assert.deepEqual(await clicks(), ['first', 'delay', 'throttle', 'drop'])
})

test('a click is on its way as long as the test says', async () => {
  await kafka.post('/faults', { name: 'held', api: 'Produce', hold: true, times: 1 })
  const sent = send('second')
  await kafka.post('/await/fired', { fault: 'held' })
  assert.deepEqual(await clicks(), ['first'])
  await kafka.post('/faults/held/release', {})
  assert.equal(await sent, '1')
})

/** Sends a click; gives the offset at which it was delivered, once the producer knows. */
async function send(value) {
  const [delivered] = await producer.send({ topic: 'clicks', messages: [{ value }] })
  return delivered.baseOffset
}

async function clicks() {
  return (await kafka.get('/topics/clicks/records')).records.map((record) => record.value)
}
