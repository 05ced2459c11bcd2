import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { REPOSITORY } from './harness/start-headrace.ts'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'headrace-client-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

/** The test runner's own settings must not reach npm or the package. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|VITEST|HEADRACE_)/.test(name)))
const options = { env: environment, timeout: 60_000 }
let files: readonly string[] = []

/** Builds and packs the client, and installs it elsewhere, with nothing to be got from a registry. */
beforeAll(async () => {
  await run(process.execPath, [join(REPOSITORY, 'tools/build-client.ts')], options)
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], { ...options, cwd: join(REPOSITORY, 'packages/client/dist') })
  const [{ filename, files: contents }] = JSON.parse(packed.stdout) as [{ filename: string, files: { path: string }[] }]
  files = contents.map(({ path }) => path).sort()
  writeFileSync(join(folder, 'package.json'), '{"private": true, "type": "module"}')
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--cache', join(folder, 'cache'), `./${filename}`], { ...options, cwd: folder })
}, 180_000)

it('holds one program, its types and its papers, and needs no other package', () => {
  expect(files).toEqual(['LICENSE', 'NOTICE', 'README.md', 'contexts.d.ts', 'delta-fetch.d.ts', 'index.d.ts', 'index.js', 'package.json'])
  const facts = JSON.parse(readFileSync(join(folder, 'node_modules/@headrace/client/package.json'), 'utf8')) as Record<string, unknown>
  expect(facts).toMatchObject({ name: '@headrace/client', license: 'Apache-2.0' })
  for (const absent of ['private', 'dependencies', 'scripts']) expect(facts).not.toHaveProperty(absent)
})

const TYPED = `
import { Contexts, deltaFetch, StaleContextError, type ContextState } from '@headrace/client'
export const send: typeof fetch = deltaFetch(fetch)
export async function begin(contexts: Contexts): Promise<ContextState> { return contexts.create({ messages: [{ role: 'user', content: 'Hello' }] }) }
export const missed = (error: unknown): number => error instanceof StaleContextError ? error.missed.length : 0
`
const typeCheck = (source: string): Promise<unknown> => {
  writeFileSync(join(folder, 'typed.ts'), source)
  const typeRoots = join(REPOSITORY, 'node_modules/@types')
  return run(process.execPath, [join(REPOSITORY, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', '--typeRoots', typeRoots, '--types', 'node', 'typed.ts'], { ...options, cwd: folder })
}

it('has types that a strict project can check, and that refuse what is wrong', { timeout: 60_000 }, async () => {
  await typeCheck(TYPED)
  await expect(typeCheck(`${TYPED}export const wrong: number = new Contexts({ baseURL: '', apiKey: '' })`)).rejects.toMatchObject({ stdout: expect.stringContaining('TS2322') as string })
})

const PROGRAM = `
import { Contexts, deltaFetch } from '@headrace/client'
const [baseURL] = process.argv.slice(2)
const send = deltaFetch(fetch, { gzip: false })
const messages = [{ role: 'user', content: 'I am Ada.' }]
const ask = async () => (await (await send(baseURL + '/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'm', messages }) })).json()).choices[0].message
messages.push(await ask(), { role: 'user', content: 'Who am I?' })
await ask()
console.log((await new Contexts({ baseURL, apiKey: 'hr_key' }).get('ctx_1')).id)
`

it('runs as installed: sends only what is new, and reads contexts', { timeout: 60_000 }, async () => {
  const seen: { readonly path: string, readonly delta: unknown, readonly messages: number }[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const path = request.url ?? ''
    const { messages = [] } = JSON.parse(body || '{}') as { messages?: unknown[] }
    seen.push({ path, delta: request.headers['headrace-delta'], messages: messages.length })
    response.setHeader('content-type', 'application/json').setHeader('headrace-delta', 'kept')
    response.end(path.startsWith('/v1/contexts') ? '{"id":"ctx_1"}' : '{"choices":[{"message":{"role":"assistant","content":"Hello Ada."}}]}')
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  try {
    writeFileSync(join(folder, 'program.js'), PROGRAM)
    const { stdout } = await run(process.execPath, ['program.js', `http://127.0.0.1:${(server.address() as AddressInfo).port}`], { ...options, cwd: folder })
    expect(stdout).toBe('ctx_1\n')
    expect(seen).toEqual([
      { path: '/v1/chat/completions', delta: 'keep', messages: 1 },
      { path: '/v1/chat/completions', delta: expect.stringMatching(/^[0-9a-f]{64}$/) as string, messages: 1 },
      { path: '/v1/contexts/ctx_1', delta: undefined, messages: 0 },
    ])
  } finally {
    server.close()
  }
})
