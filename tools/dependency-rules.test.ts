import { execFile } from 'node:child_process'
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { KNOWN_PROVIDERS } from '@headrace/gateway/providers'

const root = join(import.meta.dirname, '..')
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-lint-'))
  copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))
})
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

/** What the linter says of one file with one import. */
async function lint(file: string, imported: string): Promise<string> {
  const path = join(folder, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `export { x } from '${imported}'\n`)
  const linter = [join(root, 'node_modules/oxlint/bin/oxlint'), '--deny-warnings', file]
  return await promisify(execFile)(process.execPath, linter, { cwd: folder }).then(done => done.stdout, (error: { stdout: string }) => error.stdout)
}

test.each([
  ['packages/contract/src/a.ts', '@headrace/bytes', 'contract imports nothing of ours'],
  ['packages/bytes/src/a.ts', '@headrace/contract', 'bytes is a leaf'],
  ['packages/gateway/src/edge/a.ts', '../upstream/pool.ts', 'never import each other'],
  ['packages/gateway/src/transformation/openai-chat/a.ts', '../../edge/door.ts', 'never import each other'],
  ['packages/gateway/src/orchestration/a.ts', '@headrace/stores', 'import only @headrace/contract'],
  ['packages/gateway/src/orchestration/a.ts', '@headrace/contract/config', 'import only @headrace/contract'],
  ['packages/gateway/src/orchestration/a.ts', '@headrace/contract/catalogue', 'import only @headrace/contract'],
  ['packages/gateway/src/orchestration/a.ts', '../authority/meter.ts', 'never import each other'],
  ['packages/gateway/src/upstream/a.ts', 'zod', 'never loads zod or yaml'],
  ['packages/gateway/src/main.ts', 'yaml', 'asks @headrace/contract/config'],
  ['packages/cli/src/commands/a.ts', 'yaml', 'asks @headrace/contract/config'],
  ['packages/stores/src/a.ts', 'zod/v4', 'asks @headrace/contract/config'],
  ['packages/contract/src/a.ts', 'zod', 'live behind @headrace/contract/config'],
  ['packages/contract/src/config/a.ts', '@headrace/bytes', 'contract imports nothing of ours'],
])('%s may not import %s, and the linter says why', async (file, imported, reason) => {
  expect(await lint(file, imported)).toContain(reason)
})

test.each([
  ['packages/gateway/src/edge/a.ts', '@headrace/contract'],
  ['packages/gateway/src/edge/a.ts', '@headrace/bytes'],
  ['packages/gateway/src/edge/a.ts', './door.ts'],
  ['packages/gateway/src/journey.ts', './edge/door.ts'],
  ['packages/contract/src/config/a.ts', 'zod'],
  ['packages/control/src/admin/a.ts', 'zod'],
])('%s may import %s', async (file, imported) => {
  expect(await lint(file, imported)).not.toContain('no-restricted-imports')
})

// What the linter cannot count.

const GATEWAY = join(root, 'packages/gateway/src')
/** `prepared-call.ts` has the types of what `main.ts` wires; a side attempt is an attempt; a follower settles as the attempts do; the simulation wires its own workers; what a context would be sent as is said by the translators; what is passed through has a journey of its own. */
const COORDINATING = new Set(['main.ts', 'journey.ts', 'journey-request.ts', 'context-dialects.ts', 'ways-in.ts', 'departure.ts', 'attempts.ts', 'answer.ts', 'prepared-call.ts', 'dispatch-attempt.ts', 'side-attempt.ts', 'follower.ts', 'hedge-simulation.ts', 'explain-assembly.ts', 'passage.ts', 'passed-attempt.ts', 'passed-guest.ts', 'media-journey.ts'])

test('of the files beside the layers only those that coordinate import several of them', () => {
  const layers = readdirSync(GATEWAY, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(entry => entry.name)
  const others = readdirSync(GATEWAY).filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts') && !COORDINATING.has(name))
  expect(others.length).toBeGreaterThan(0)
  const imported = (name: string): string[] => {
    const text = readFileSync(join(GATEWAY, name), 'utf8')
    return layers.filter(layer => text.includes(`from './${layer}/`))
  }
  expect(others.filter(name => imported(name).length > 1)).toEqual([])
})

test('provider ids stand as literals only among the providers: shared code asks their data instead', () => {
  // The sandbox is ours: the supervisor starts it and the configuration gives it its address, so both call it by name.
  const ids = KNOWN_PROVIDERS.map(provider => provider.id).filter(id => id !== 'sandbox')
  const literal = new RegExp(`(['"\`])(${ids.join('|')})\\1`)
  const files = globSync('packages/*/src/**/*.ts', { cwd: root }).filter(file => !file.endsWith('.test.ts') && !file.includes('/providers/'))
  expect(files.length).toBeGreaterThan(50)
  const named = files.filter(file => readFileSync(join(root, file), 'utf8').split('\n').some(line => !/\bimport\b/.test(line) && literal.test(line)))
  expect(named).toEqual([])
})
