import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, finish, runCommand, type RunningCommand } from '../run-command.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-commands-'))
  writeFileSync(join(folder, 'good.yaml'), `
providers:
  local: { base_url: "http://127.0.0.1:9/v1", credentials: [] }
models: { fast: [local/small, sandbox/echo] }
keys: [{ name: team, key: "${'${TEAM_KEY}'}", models: [other] }]
`)
  writeFileSync(join(folder, 'known.yaml'), 'providers: { groq: { credentials: "sk-0123456789" } }\nprices: { "groq/own": { input: 1.5, output: 2 } }\ncatalogue: { models: { groq/own: { context_window: 1000, capabilities: { tools: true } } } }\n')
  writeFileSync(join(folder, 'bad.yaml'), 'server: { prot: 1 }\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const env = { TEAM_KEY: 'hr_team_0123456789abcdefghijklmnopqrst' }

describe('without a running Headrace', () => {
  const cases: readonly { readonly args: string, readonly code: number, readonly says: RegExp }[] = [
    { args: '--version', code: 0, says: /^\d+\.\d+\.\d+\n$/ },
    { args: '--help', code: 0, says: /Examples:/ },
    { args: 'strat', code: 2, says: /there is no command `strat`\. Did you mean `start`\?/ },
    { args: 'start --prot 1', code: 2, says: /Did you mean --port\?/ },
    { args: 'start --port 99999', code: 2, says: /whole number from 0 to 65535/ },
    { args: 'logs --since yesterday', code: 2, says: /Give a while ago/ },
    { args: 'check good.yaml', code: 0, says: /good\.yaml is right: 2 providers, 1 model, 1 key\./ },
    { args: 'check bad.yaml', code: 1, says: /bad\.yaml:1:11: .*did you mean `port`/ },
    { args: 'check', code: 1, says: /no configuration file \.\/headrace\.yaml/ },
    { args: 'explain fast --config good.yaml', code: 0, says: /1\. "local\/small"[^]*2\. "sandbox\/echo"/ },
    { args: 'explain fsat --config good.yaml', code: 1, says: /Did you mean "fast"\?/ },
    { args: 'explain fast --config good.yaml --as team', code: 1, says: /may not call the model/ },
    { args: 'explain fast --config good.yaml --as nobody', code: 1, says: /It has: team/ },
    { args: 'schema', code: 0, says: /"title": "headrace\.yaml"/ },
    { args: 'models sonnet --all', code: 0, says: /anthropic\/claude-sonnet[^]*\d+ of \d{4,} models/ },
    { args: 'models --all --provider groq --json', code: 0, says: /^\{"provider":"groq"/ },
    { args: 'models no-such-model --all', code: 1, says: /Nothing is known/ },
    { args: 'models --config good.yaml', code: 1, says: /`--all` searches/ },
    { args: 'models --config known.yaml own', code: 0, says: /groq\/own +1000 +- +1\.5 +1\.5 +2 /},
    { args: 'models --config bad.yaml', code: 1, says: /did you mean `port`/ },
    { args: 'logs', code: 1, says: /no call log in \.\/data.*--data/ },
    { args: 'logs --url http://127.0.0.1:9', code: 1, says: /needs an admin key/ },
    { args: 'keys list', code: 1, says: /HEADRACE_ADMIN_KEY/ },
    { args: 'keys list --key hr_x --url http://127.0.0.1:9', code: 1, says: /does not answer/ },
    { args: 'keys create', code: 2, says: /--name/ },
  ]
  it.each(cases)('headrace $args: exit code $code', async ({ args, code, says }) => {
    const done = await finish(args.split(' '), folder, env)
    expect(done.stdout + done.stderr).toMatch(says)
    expect(done.code).toBe(code)
    expect(done.stdout + done.stderr).not.toContain(env.TEAM_KEY)
  })

  it.each(['start', 'check', 'explain', 'logs', 'keys', 'keys list', 'keys create', 'keys revoke', 'schema', 'models', 'catalog', 'catalog update'])('headrace %s --help shows examples', async command => {
    const done = await finish([...command.split(' '), '--help'], folder)
    expect(done.code).toBe(0)
    expect(done.stdout).toContain(`Examples:\n  headrace ${command.split(' ')[0]}`)
  })
})

describe('with a running Headrace', () => {
  let headrace: RunningCommand
  let admin = { HEADRACE_ADMIN_KEY: '' }
  beforeAll(async () => {
    headrace = runCommand(['--port', '0'])
    await eventually('the start', () => headrace.output().includes('Stop with'))
    admin = { HEADRACE_ADMIN_KEY: /Admin key +(\S+)/.exec(headrace.output())?.[1] ?? '' }
  })
  afterAll(() => headrace.clear())
  const call = async (token: string): Promise<number> => (await fetch(`${headrace.url()}/v1/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'Hello' }] }),
  })).status

  it('a key is made, listed, used, and revoked', async () => {
    const made = await finish(['keys', 'create', '--name', 'search-team', '--models', 'sandbox/*'], headrace.directory, admin)
    expect(made.stderr).toBe('')
    const token = /^(hr_\w+)\n/.exec(made.stdout)?.[1] ?? ''
    expect(await call(token)).toBe(200)
    const listed = await finish(['keys', 'list'], headrace.directory, admin)
    expect(listed.stdout).toMatch(/^ID .*\n(?:.*\n)*key_\w+ .*search-team .*sandbox\/\*/)
    expect(listed.stdout).not.toContain(token)
    const id = /(key_\w+) .*search-team/.exec(listed.stdout)?.[1] ?? ''
    expect((await finish(['keys', 'revoke', id], headrace.directory, admin)).code).toBe(0)
    expect(await call(token)).toBe(401)
    expect((await finish(['keys', 'revoke', id], headrace.directory, admin)).stderr).toContain('no such key')
  })

  it('the log is the same through the admin API and from the file', async () => {
    await call(/API key +(\S+)/.exec(headrace.output())?.[1] ?? '')
    const read = async (env: Readonly<Record<string, string>>): Promise<string> => (await finish(['logs', '--model', 'sandbox/echo', '--outcome', 'settled', '--json'], headrace.directory, env)).stdout
    await eventually('the call to be in the log', async () => (await read({})).includes('"callId"'))
    const fromFile = await read({})
    expect(await read(admin)).toBe(fromFile)
    expect(JSON.parse(fromFile.split('\n').at(0) ?? '')).toMatchObject({ model: 'sandbox/echo', outcome: 'settled', status: 200 })
    const table = await finish(['logs'], headrace.directory)
    expect(table.stdout).toMatch(/^TIME +STATUS +OUTCOME[^\n]*\n20\d\d-\d\d-\d\d [^\n]* 200  settled   sandbox\/echo/)
  })

  it('a key that is not an admin key is told so', async () => {
    const key = /API key +(\S+)/.exec(headrace.output())?.[1] ?? ''
    expect((await finish(['keys', 'list', '--key', key], headrace.directory)).stderr).toContain('no scope `admin`')
    expect((await finish(['keys', 'list', '--key', 'hr_unknown'], headrace.directory)).stderr).toContain('does not know this key')
  })
})
