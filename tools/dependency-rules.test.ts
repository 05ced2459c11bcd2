import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

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
  ['packages/gateway/src/upstream/a.ts', 'zod', 'never loads zod or yaml'],
])('%s may not import %s, and the linter says why', async (file, imported, reason) => {
  expect(await lint(file, imported)).toContain(reason)
})

test.each([
  ['packages/gateway/src/edge/a.ts', '@headrace/contract'],
  ['packages/gateway/src/edge/a.ts', '@headrace/bytes'],
  ['packages/gateway/src/edge/a.ts', './door.ts'],
  ['packages/gateway/src/journey.ts', './edge/door.ts'],
])('%s may import %s', async (file, imported) => {
  expect(await lint(file, imported)).not.toContain('no-restricted-imports')
})
