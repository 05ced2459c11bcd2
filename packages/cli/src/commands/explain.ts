import { existsSync } from 'node:fs'
import type { KeyRecord, Principal, ResolvedConfig } from '@headrace/contract'
import { compileSnapshot } from '@headrace/gateway/compile-snapshot'
import { explainPlan } from '@headrace/gateway/explain-plan'
import { loadFile } from './load-file.ts'

/** Stands for a key that may call every model. */
const ANYBODY: KeyRecord = Object.freeze({
  keyId: 'any', digest: '', prefix: '', name: 'any', tenant: 'default', team: null, app: null, scopes: ['inference'] as const, models: null, createdAt: 0, expiresAt: null,
})

/** Prints where a request for a model would go, for a key of the file or for one that may call everything; 0 = somewhere. */
export async function explain(model: string, path: string | null, keyName: string | null): Promise<number> {
  const loaded = loadFile(path ?? (existsSync('headrace.yaml') ? 'headrace.yaml' : null))
  if (!loaded.ok) return complain(loaded.error)
  const config: ResolvedConfig = { ...loaded.value.config, keys: [...loaded.value.config.keys, ANYBODY] }
  const key = keyName === null ? ANYBODY : config.keys.find(record => record.name === keyName)
  if (key === undefined) return complain(`There is no key ${JSON.stringify(keyName)} in the file. It has: ${loaded.value.config.keys.map(record => record.name).join(', ') || 'none'}.`)
  const { snapshot } = compileSnapshot(config)
  const plan = explainPlan(snapshot, model, principalOf(key))
  if (!plan.ok) return complain(plan.error.message)
  process.stdout.write(`${plan.value.join('\n')}\n`)
  return 0
}

function principalOf({ tenant, team, app, keyId, scopes }: KeyRecord): Principal {
  return { tenant, team, app, keyId, endUser: null, scopes: new Set(scopes), source: 'virtual-key' }
}

function complain(reason: string): number {
  process.stderr.write(`${reason}\n`)
  return 1
}
