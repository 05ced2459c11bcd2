import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { startLocalRegistry } from './harness/local-registry.ts'
import { isAlive, REPOSITORY } from './harness/start-headrace.ts'
import { until } from './harness/until.ts'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'headrace-pack-'))
let headrace: ChildProcess | null = null
let processes: readonly number[] = []
afterAll(() => {
  headrace?.kill('SIGKILL')
  for (const pid of processes) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** The test runner's own settings must not reach npm or the package. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|VITEST|HEADRACE_)|_API_KEY$/.test(name)))

/** Packs the command, builds included, and installs it as a user would, from a registry that holds what is installed here. */
async function install(): Promise<void> {
  const options = { env: environment, timeout: 120_000, maxBuffer: 2 ** 24 }
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], { ...options, cwd: join(REPOSITORY, 'packages/cli') })
  const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('['))) as [{ filename: string }]
  writeFileSync(join(folder, 'package.json'), '{"private": true}')
  const registry = await startLocalRegistry(REPOSITORY)
  try {
    await run('npm', ['install', '--no-audit', '--no-fund', '--cache', join(folder, 'cache'), '--registry', registry.url, `./${filename}`], { ...options, cwd: folder })
  } finally {
    registry.close()
  }
}

test('the packed command, installed elsewhere, starts, answers, is upgraded and stops with npx', { timeout: 300_000 }, async () => {
  await install()
  const child = headrace = spawn('npx', ['--no', 'headrace', 'start', '--port', '0', '--data', 'data'], { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output += String(chunk) })
  await until('the welcome', () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output}`)
    return output.includes('Stop with Ctrl-C')
  }, 20_000)
  const readPids = (): { port: number, supervisor: number, workers: number[], control: number, sandbox: number } => {
    const pids = JSON.parse(readFileSync(join(folder, 'data/headrace.pid.json'), 'utf8')) as { port: number, supervisor: number, workers: number[], control: number, sandbox: number }
    processes = [...processes, pids.supervisor, ...pids.workers, pids.control, pids.sandbox]
    return pids
  }
  const pids = readPids()

  const base = `http://127.0.0.1:${pids.port}`
  expect((await fetch(`${base}/healthz`)).status).toBe(200)
  const key = /API key\s+(hr_\w+)/.exec(output)?.[1] ?? ''
  const expectAnswer = async (): Promise<void> => {
    const answer = await fetch(`${base}/v1/chat/completions`, {
      method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'Hello' }] }),
    })
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: 'Hello' } }] })
  }
  await expectAnswer()
  expect(await (await fetch(base)).text()).toContain('<html')

  const upgraded = await run('npx', ['--no', 'headrace', 'upgrade', '--data', 'data'], { cwd: folder, env: environment, timeout: 60_000 })
  expect(upgraded.stdout).toMatch(/^Process \d+ has taken over\.\n$/)
  expect(readPids().supervisor).not.toBe(pids.supervisor)
  await expectAnswer()

  child.kill('SIGTERM')
  await until('every process to be gone', () => processes.every(pid => !isAlive(pid)), 10_000)
})
