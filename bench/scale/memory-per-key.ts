import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeyRecord, ResolvedConfig } from '@headrace/contract'
import { loadConfig } from '@headrace/contract/config'
import { startGateway } from '@headrace/gateway'

/** Bytes of a worker's memory (heap and buffers, after a collection) per configured key. A process of its own, because only it can collect at will. */
export function memoryPerKey(keys: number): Promise<number> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--expose-gc', import.meta.filename, String(keys)], (error, stdout) => {
      const bytes = Number(stdout.trim())
      if (error !== null || !(bytes > 0)) reject(new Error(`The memory of keys could not be measured: ${error?.message ?? stdout}`))
      else resolve(bytes)
    })
  })
}

const record = (index: number): KeyRecord => ({
  keyId: `key_${index.toString(36).padStart(16, '0')}`, digest: hash('sha256', String(index), 'hex'), prefix: `hr_${index.toString(36).padStart(5, '0')}`, name: `key ${index}`,
  tenant: 'default', team: null, app: null, scopes: ['inference'], models: null, createdAt: 0, expiresAt: null,
})

/** As they come over the IPC channel: a copy of their own, strings and all. */
function configuration(version: number, keys: number): ResolvedConfig {
  const loaded = loadConfig({ text: '{}', path: null, version, keys: Array.from({ length: keys }, (_, index) => record(index)), known: [], env: {}, readFile: () => '', sandboxUrl: null })
  if (!loaded.ok) throw new Error('the empty configuration is refused')
  return JSON.parse(JSON.stringify(loaded.value.config)) as ResolvedConfig // our own data, copied
}

function used(): number {
  for (let round = 0; round < 4; round++) globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function main(keys: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const empty = configuration(1, 0)
  const gateway = await startGateway({ config: { ...empty, server: { ...empty.server, port: 0 } }, journal: { directory, prefix: 'bench' }, tellAuthority: () => {}, controlSocket: null, listener: null })
  // Once, so that code that only now is compiled does not count.
  await gateway.reload(configuration(2, 1))
  await new Promise(resolve => setTimeout(resolve, 100))
  const before = used()
  await gateway.reload(configuration(3, keys))
  await new Promise(resolve => setTimeout(resolve, 100))
  process.stdout.write(String((used() - before) / keys))
  await gateway.drain(0, false)
  rmSync(directory, { recursive: true, force: true })
  process.exit(0)
}

if (import.meta.main) await main(Number(process.argv[2]))
