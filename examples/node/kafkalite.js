import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A broker of the test's own: a process that keeps everything in memory, until it is stopped. */
export class Kafkalite {
  static async start() {
    const args = ['serve', '--quiet', '--in-memory', '--listen', '127.0.0.1:0', '--controls', '127.0.0.1:0']
    const program = spawn(process.env.KAFKALITE ?? 'kafkalite', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(program, 'spawn')
    let said = ''
    for await (const line of createInterface({ input: program.stdout })) {
      said += `${line}\n`
      const found = said.match(/is listening on (\S+),[^]*Controls are at (\S+)/)
      if (found) return new Kafkalite(program, found[1], found[2])
    }
    throw new Error(`kafkalite did not start: ${said}`)
  }

  constructor(program, bootstrap, controls) {
    Object.assign(this, { program, bootstrap, controls })
  }

  /** Looks at something, such as /groups/billing. */
  get(path) {
    return this.ask(path, {})
  }

  /** Does something, such as /groups/billing/fence, or waits for it, such as /await/stable. */
  post(path, body) {
    const headers = { 'Content-Type': 'application/json' }
    return this.ask(path, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  async ask(path, request) {
    const answer = await fetch(this.controls + path, request)
    const seen = await answer.json()
    if (!answer.ok) throw new Error(`${path}: ${seen.error}`)
    return seen
  }

  async stop() {
    this.program.kill()
    await once(this.program, 'exit')
  }
}
