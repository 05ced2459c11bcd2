import type { CapacityRule } from '../capacity.ts'
import { closestName } from '../closest-name.ts'
import type { ProviderConfig } from '../resolved-config.ts'
import type { ConfigProblems } from './config-problems.ts'
import { MAX_CAPACITIES, type CapacityFile } from './schema.ts'

/** The file's `capacity` section: each entry names models of a configured provider. */
export function resolveCapacity(file: Readonly<Record<string, CapacityFile>>, providers: readonly ProviderConfig[], problems: ConfigProblems): CapacityRule[] {
  const ids = new Set(providers.map(provider => provider.id))
  const entries = Object.entries(file)
  if (entries.length > MAX_CAPACITIES) problems.error(['capacity'], `too many engines: at most ${MAX_CAPACITIES}`, 'key')
  return entries.map(([name, { concurrency, queue, wait, target, interval }]) => {
    const provider = name.slice(0, name.indexOf('/'))
    if (!ids.has(provider)) {
      const meant = closestName(provider, ids)
      problems.error(['capacity', name], `provider \`${provider.slice(0, 64)}\` is not configured${meant === null ? '' : `; did you mean \`${meant}\`?`}`, 'key')
    }
    return { name, concurrency, queue, waitMs: wait, targetMs: target, intervalMs: interval }
  })
}
