// A reader that takes too long for a click loses its partition, and cannot commit the click.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { after, before, test } from 'node:test'
import { consume } from './consumer.js'
import { Kafkalite } from './kafkalite.js'

const reading = new EventEmitter()
const consumers = []
let kafka

before(async () => {
  kafka = await Kafkalite.start()
})

after(async () => {
  reading.emit('done')
  await Promise.all(consumers.map((consumer) => consumer.disconnect()))
  await kafka.stop()
})

test('a click whose commit fails is read again', async () => {
  await kafka.post('/produce', { topic: 'clicks', values: ['one'] })

  const [anna, hers] = await readOne('anna')
  await kafka.post('/groups/billing/expire', { member: 'anna' })
  const [ben, his] = await readOne('ben')
  assert.deepEqual([hers, his], ['one', 'one'])

  const offsets = [{ topic: 'clicks', partition: 0, offset: '1' }]
  await assert.rejects(anna.commitOffsets(offsets), /The coordinator is not aware of this member/)

  await ben.commitOffsets(offsets)
  const group = await kafka.post('/await/committed', { group: 'billing', topic: 'clicks' })
  assert.equal(group.committed['clicks-0'].offset, 1)
})

/** Starts a consumer that is busy with its first click until the test is done; gives both. */
async function readOne(name) {
  const begun = once(reading, name)
  const eachMessage = async ({ message }) => {
    reading.emit(name, String(message.value))
    await once(reading, 'done')
  }
  const consumer = await consume(kafka.bootstrap, name, eachMessage, { autoCommit: false })
  consumers.push(consumer)
  const [click] = await begun
  return [consumer, click]
}
