import { closestName } from '../closest-name.ts'
import type { ProviderConfig, TimeoutRule } from '../resolved-config.ts'
import type { TimeoutRules } from '../snapshot.ts'
import type { ConfigProblems } from './config-problems.ts'
import { MAX_TIMEOUTS, type ProviderFile, type TimeoutsFile } from './schema.ts'

/** What a `timeouts` map says, and nothing else. */
export function resolveTimeouts(file: ProviderFile['timeouts']): TimeoutRules {
  if (file == null) return {}
  const { connect, first_token: firstToken, idle, total } = file
  return { ...(connect == null ? {} : { connect }), ...(firstToken == null ? {} : { firstToken }), ...(idle == null ? {} : { idle }), ...(total == null ? {} : { total }) }
}

/** The file's own `timeouts` section: each entry names models of a configured provider. */
export function resolveTargetTimeouts(file: NonNullable<TimeoutsFile>, providers: readonly ProviderConfig[], problems: ConfigProblems): TimeoutRule[] {
  const ids = new Set(providers.map(provider => provider.id))
  const entries = Object.entries(file)
  if (entries.length > MAX_TIMEOUTS) problems.error(['timeouts'], `too many entries: at most ${MAX_TIMEOUTS}`, 'key')
  return entries.map(([name, timeouts]) => {
    const provider = name.slice(0, name.indexOf('/'))
    if (!ids.has(provider)) {
      const meant = closestName(provider, ids)
      problems.error(['timeouts', name], `provider \`${provider.slice(0, 64)}\` is not configured${meant === null ? '' : `; did you mean \`${meant}\`?`}`, 'key')
    }
    return { name, timeouts: resolveTimeouts(timeouts) }
  })
}
