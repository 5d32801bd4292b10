// A program that reads ad clicks, and tells its parent of each: `node reader.js BOOTSTRAP NAME`.
import { consume } from './consumer.js'

const [bootstrap, name] = process.argv.slice(2)
await consume(bootstrap, name, async ({ message }) => process.send(message.value.toString()))
