import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually, isAlive, processesOf, runCommand, type RunningCommand } from '../run-command.ts'

const running: RunningCommand[] = []
afterEach(() => { for (const command of running.splice(0)) command.clear() })

/** Loaded into every process: a signal makes its loop stand still, without a need for the processor, until somebody writes into a pipe. */
const BUSY = `
import { readFileSync } from 'node:fs'
process.on('SIGWINCH', () => readFileSync(process.env.BUSY_UNTIL))
`
/** Whether the kernel accounts for the time that a process waits for a core. */
const ACCOUNTS = process.platform === 'linux' && existsSync('/proc/self/schedstat') && !readFileSync('/proc/self/schedstat', 'latin1').startsWith('0 ')

function start(args: readonly string[] = ['--port', '0'], directory?: string, env?: Readonly<Record<string, string>>): RunningCommand {
  const command = runCommand(args, directory, env)
  running.push(command)
  return command
}

const serves = async (command: RunningCommand): Promise<boolean> => (await fetch(`${command.url()}/readyz`)).status === 200

async function started(args?: readonly string[], directory?: string, env?: Readonly<Record<string, string>>): Promise<RunningCommand> {
  const command = start(args, directory, env)
  await eventually('the start', () => {
    if (command.child.exitCode !== null) throw new Error(command.output())
    return command.output().includes('Headrace listens')
  }, 15_000)
  return command
}

const keyOf = (command: RunningCommand, name: 'Admin' | 'API'): string => new RegExp(`${name} key +(hr_\\w+)`).exec(command.output())?.[1] ?? ''

async function ask(command: RunningCommand): Promise<number> {
  const answer = await fetch(`${command.url()}/v1/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${keyOf(command, 'API')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'Hello' }] }),
  })
  await answer.text()
  return answer.status
}

describe('a first start', () => {
  it('prints both keys, which work; the next start prints none, and they still work', { timeout: 30_000 }, async () => {
    const first = await started()
    expect(await ask(first)).toBe(200)
    expect(first.output()).toContain(`${first.url()}/#key=${keyOf(first, 'Admin')}`)
    const key = keyOf(first, 'API')
    first.child.kill('SIGTERM')
    expect(await first.ended()).toBe(0)
    const second = await started(undefined, first.directory)
    expect(second.output()).not.toContain('hr_')
    const models = await fetch(`${second.url()}/v1/models`, { headers: { authorization: `Bearer ${key}` } })
    expect(models.status).toBe(200)
  })

  it('prints a curl and an SDK snippet that work as pasted', async () => {
    const command = await started()
    const pasted = (from: string, to: string): string => command.output().split(`${from}\n\n`)[1]?.split(`\n\n${to}`)[0] ?? ''
    const run = promisify(execFile)
    if (existsSync('/usr/bin/curl')) {
      const { stdout } = await run('sh', ['-c', `${pasted('First request:', 'With the OpenAI SDK:')} -s`])
      expect(JSON.parse(stdout)).toMatchObject({ choices: [{ message: { content: 'Hello' } }] })
    }
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', pasted('With the OpenAI SDK:', 'Stop with')], { cwd: import.meta.dirname })
    expect(stdout).toBe('Hello\n')
  })

  it('has no escape codes in what it prints to a file', async () => {
    expect((await started()).output()).not.toContain('\u001b')
  })
})

describe('what dies is replaced', () => {
  it('a worker at once, on the same port', async () => {
    const command = await started()
    const [victim] = command.instance().workers
    const port = command.instance().port
    process.kill(victim ?? 0, 'SIGKILL')
    await eventually('another worker', async () => command.instance().workers[0] !== victim && await serves(command))
    expect(command.instance().port).toBe(port)
    expect(await ask(command)).toBe(200)
  })

  it('one of two workers, while the other serves', async () => {
    const command = await started(['--port', '0', '--workers', '2'])
    const [victim, survivor] = command.instance().workers
    process.kill(victim ?? 0, 'SIGKILL')
    await eventually('another worker', () => command.instance().workers.length === 2 && !command.instance().workers.includes(victim ?? 0))
    expect(command.instance().workers).toContain(survivor)
    for (let turn = 0; turn < 6; turn++) expect(await ask(command)).toBe(200)
  })

  it('a worker that a signal stopped, which is ended; others serve before its time is up', { timeout: 30_000 }, async () => {
    const command = await started()
    const [victim] = command.instance().workers
    process.kill(victim ?? 0, 'SIGSTOP')
    await eventually('another worker', async () => command.instance().workers[0] !== victim && await serves(command), 20_000)
    await eventually('its end', () => !isAlive(victim ?? 0), 20_000)
    expect(command.output()).toContain('worker 1 does not answer; another one takes its place.')
    expect(await ask(command)).toBe(200)
  })

  it.skipIf(!ACCOUNTS)('a worker that is merely busy, which then finishes what it has begun', { timeout: 30_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'headrace-cli-'))
    const [module, enough] = [join(directory, 'busy.mjs'), join(directory, 'enough')]
    writeFileSync(module, BUSY)
    execFileSync('mkfifo', [enough])
    const command = await started(undefined, directory, { NODE_OPTIONS: `--import ${module}`, BUSY_UNTIL: enough })
    const [victim] = command.instance().workers
    const answer = await fetch(`${command.url()}/v1/chat/completions`, {
      method: 'POST', headers: { authorization: `Bearer ${keyOf(command, 'API')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sandbox/lorem:tokens=40,gap=20ms', stream: true, messages: [{ role: 'user', content: 'Hello' }] }),
    })
    process.kill(victim ?? 0, 'SIGWINCH')
    await eventually('its silence to be noticed', () => command.output().includes('worker 1 does not answer; another one takes its place.'))
    await writeFile(enough, 'x')
    expect(await answer.text()).toMatch(/data: \[DONE\]\s*$/)
    await eventually('another worker', async () => command.instance().workers[0] !== victim && await serves(command), 20_000)
    await eventually('its end', () => !isAlive(victim ?? 0), 20_000)
    expect(await ask(command)).toBe(200)
    expect(command.output()).not.toContain('SIGKILL')
  })

  it('the control process, which hears again of the workers', async () => {
    const command = await started()
    const { control } = command.instance()
    process.kill(control, 'SIGKILL')
    await eventually('the admin API', async () => command.instance().control !== control
      && (await fetch(`${command.url()}/admin/v1/logs`, { headers: { authorization: `Bearer ${keyOf(command, 'Admin')}` } })).status === 200)
    expect(await ask(command)).toBe(200)
  })

  it('a control process that finds its file broken leaves the workers as they are', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'headrace-cli-'))
    writeFileSync(join(directory, 'headrace.yaml'), 'models: { mine: sandbox/echo }\n')
    const command = await started(undefined, directory)
    writeFileSync(join(directory, 'headrace.yaml'), 'models: [\n')
    process.kill(command.instance().control, 'SIGKILL')
    await eventually('the complaint', () => command.output().includes('the workers go on as they are configured'))
    expect(await ask(command)).toBe(200)
    writeFileSync(join(directory, 'headrace.yaml'), 'models: { mine: sandbox/echo }\n')
    await eventually('the admin API', async () => (await fetch(`${command.url()}/admin/v1/logs`, { headers: { authorization: `Bearer ${keyOf(command, 'Admin')}` } })).status === 200)
  })

  it('the sandbox, where it was', async () => {
    const command = await started()
    const { sandbox } = command.instance()
    process.kill(sandbox ?? 0, 'SIGKILL')
    await eventually('another sandbox', async () => command.instance().sandbox !== sandbox && await ask(command) === 200)
  })
})

describe('the end', () => {
  it('SIGTERM ends every process with code 0 and leaves the directory free', async () => {
    const command = await started()
    const pids = processesOf(command.instance())
    command.child.kill('SIGTERM')
    expect(await command.ended()).toBe(0)
    expect(pids.filter(isAlive)).toEqual([])
    expect(readdirSync(join(command.directory, 'data'))).not.toContain('headrace.pid.json')
    expect(command.output()).not.toContain('SIG')
  })

  it('a killed supervisor leaves no orphan after two seconds', async () => {
    const command = await started(['--port', '0', '--workers', '2'])
    const pids = processesOf(command.instance())
    expect(pids).toHaveLength(5)
    command.child.kill('SIGKILL')
    await eventually('every process to be gone', () => !pids.some(isAlive), 2_000)
  })

  it('a second SIGINT ends at once what the first waits for', async () => {
    const command = await started()
    const pids = processesOf(command.instance())
    const stream = await fetch(`${command.url()}/v1/chat/completions`, {
      method: 'POST', headers: { authorization: `Bearer ${keyOf(command, 'API')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sandbox/lorem:tokens=2000,gap=50ms', stream: true, messages: [{ role: 'user', content: 'Hello' }] }),
    })
    expect(stream.status).toBe(200)
    command.child.kill('SIGINT')
    await eventually('the drain', () => fetch(`${command.url()}/readyz`).then(answer => answer.status !== 200, () => true))
    expect(command.child.exitCode).toBeNull()
    await eventually('the end', () => {
      command.child.kill('SIGINT')
      return command.child.exitCode !== null || command.child.signalCode !== null
    }, 3_000)
    // One of the many may strike after Node has let go of its signals: a shell calls both 130.
    expect([130, 'SIGINT']).toContain(await command.ended())
    await eventually('every process to be gone', () => !pids.some(isAlive), 2_000)
    await stream.body?.cancel().catch(() => undefined)
  })
})

describe('a start that cannot be', () => {
  it('a data directory in use', async () => {
    const first = await started()
    const second = start(undefined, first.directory)
    expect(await second.ended()).toBe(1)
    expect(second.output()).toContain(`in use by a running Headrace (process ${first.child.pid ?? 0})`)
    expect(await serves(first)).toBe(true)
  })

  it('a port in use: says what to do, and shows the keys that were made on the way', async () => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => squatter.once('listening', resolve))
    const { port } = squatter.address() as { port: number } // a TCP server that listens has one
    const command = start(['--port', String(port)])
    expect(await command.ended()).toBe(1)
    squatter.close()
    expect(command.output()).toContain(`Port ${port} is in use by another program`)
    expect(keyOf(command, 'API')).not.toBe('')
  })

  it('a configuration with an error: says where', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'headrace-cli-'))
    writeFileSync(join(directory, 'headrace.yaml'), 'server:\n  prot: 1\n')
    const command = start(['--port', '0'], directory)
    expect(await command.ended()).toBe(1)
    expect(command.output()).toMatch(/headrace\.yaml:2:3: /)
  })

  it('a configuration file that is not there', async () => {
    const command = start(['--config', 'nowhere.yaml'])
    expect(await command.ended()).toBe(1)
    expect(command.output()).toContain('no configuration file nowhere.yaml')
  })
})
