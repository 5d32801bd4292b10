// A program that reads ad clicks, and sends each to its parent process: `node reader.js BOOTSTRAP NAME`.
import { consume } from './consumer.js'

const [bootstrap, name] = process.argv.slice(2)
await consume(bootstrap, name, async ({ message }) => process.send(message.value.toString()))
