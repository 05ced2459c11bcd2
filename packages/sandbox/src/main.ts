import { parseArgs } from 'node:util'
import { startSandbox } from './server.ts'

export { startSandbox, type Sandbox, type SandboxOptions } from './server.ts'
export type { CallsReport, SeenCall } from './call-log.ts'
export { TokenDesk, type ServiceAccount } from './vertex/token-desk.ts'

const HELP = `headrace sandbox: a simulated engine that speaks OpenAI's formats and Anthropic's. Nothing it says was thought by a model.

  node main.ts [--port N] [--host ADDRESS]     (defaults: any free port, 127.0.0.1)

Prints one line {"listening":{"host","port"}} when it is ready. Stops on SIGTERM, SIGINT, or when its parent is gone.
`

/** The process: one engine until told to stop. Returns the exit code of a start that failed, or null while it runs. */
async function main(): Promise<number | null> {
  let values: { port: string, host: string, help: boolean }
  try {
    values = parseArgs({
      options: { port: { type: 'string', default: '0' }, host: { type: 'string', default: '127.0.0.1' }, help: { type: 'boolean', default: false } },
    }).values
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`)
    return 2
  }
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535) {
    process.stderr.write('--port wants a number from 0 to 65535\n')
    return 2
  }
  let stopping = false
  const sandbox = await startSandbox({ host: values.host, port: Number(values.port) })
  const stop = (): void => {
    if (stopping) return
    stopping = true
    void sandbox.close().then(() => { process.exit(0) })
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('disconnect', stop)
  const ready = { listening: { host: sandbox.host, port: sandbox.port } }
  process.send?.(ready)
  process.stdout.write(`${JSON.stringify(ready)}\n`)
  return null
}

if (import.meta.main) {
  try {
    const code = await main()
    if (code !== null) process.exitCode = code
  } catch (error) {
    process.stderr.write(`The sandbox could not start: ${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
