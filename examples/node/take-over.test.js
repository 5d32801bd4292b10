// One reader of the ad clicks works, one stands by; when the first fails, the other continues at once.
// Each wait ends as soon as its condition holds, and fails after 30 seconds; no test waits for a session of 30 seconds.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { Kafkalite } from './kafkalite.js'

let kafka
const readers = {}
const clicks = { anna: [], ben: [] }

before(async () => {
  kafka = await Kafkalite.start()
  await kafka.post('/topics', { name: 'clicks' })
  for (const name of ['anna', 'ben']) {
    readers[name] = fork('reader.js', [kafka.bootstrap, name])
    readers[name].on('message', (click) => clicks[name].push(click))
  }
})

after(async () => {
  for (const reader of Object.values(readers)) reader.kill('SIGKILL')
  await kafka.stop()
})

test('a standby goes on from the last committed offset when a reader is killed', async () => {
  const group = await kafka.post('/await/stable', { group: 'billing', members: 2 })
  const worker = group.owners['clicks-0']
  const standby = worker === 'anna' ? 'ben' : 'anna'
  await kafka.post('/produce', { topic: 'clicks', values: ['one', 'two'] })
  await kafka.post('/await/committed', { group: 'billing', topic: 'clicks' })

  readers[worker].kill('SIGKILL')
  await once(readers[worker], 'exit')
  // No member has left: the session is 30 seconds, and this test waits for none of them.
  await kafka.post('/clock/advance', { seconds: 31, keep_alive: [standby] })
  await kafka.post('/await/stable', { group: 'billing', members: 1 })

  const read = once(readers[standby], 'message')
  await kafka.post('/produce', { topic: 'clicks', values: ['three'] })
  await read
  assert.deepEqual(clicks, { [worker]: ['one', 'two'], [standby]: ['three'] })
})
