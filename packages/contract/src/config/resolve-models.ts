import { closestName } from '../closest-name.ts'
import type { ModelConfig, ProviderConfig } from '../resolved-config.ts'
import type { ConfigProblems } from './config-problems.ts'
import type { Path } from './located-document.ts'
import { resolveTimeouts } from './resolve-timeouts.ts'
import { MAX_MODEL_NAME, MAX_MODELS, MODEL_NAME, type ConfigFile } from './schema.ts'

type ModelFile = NonNullable<ConfigFile['models']>[string]

/** The file's `models` section: each target names a configured provider, and uses `*` only where the public name does. */
export function resolveModels(file: Readonly<Record<string, ModelFile>>, providers: readonly ProviderConfig[], problems: ConfigProblems): ModelConfig[] {
  const names = Object.keys(file)
  if (names.length > MAX_MODELS) problems.error(['models'], `too many models: at most ${MAX_MODELS}`, 'key')
  const ids = new Set(providers.map(provider => provider.id))
  return Object.entries(file).map(([name, model]) => {
    const path: Path = ['models', name]
    const [list, place] = typeof model === 'string' ? [[model], path] as const
      : Array.isArray(model) ? [model, path] as const : [model.targets, [...path, 'targets']] as const
    const single = typeof model === 'string'
    const seen = new Set<string>()
    const targets = list.map((text, index) => {
      const at = single ? place : [...place, index]
      if (seen.has(text)) problems.error(at, `target \`${text}\` stands here twice: keep one of them`)
      seen.add(text)
      return resolveTarget(text, name.endsWith('*'), ids, at, problems)
    })
    const own = typeof model === 'string' || Array.isArray(model) ? null : model
    const rescue = own?.rescue ?? undefined
    const hedge = own?.hedge ?? null
    const shadow = own?.shadow ?? null
    const coalesce = own?.coalesce ?? undefined
    return {
      name, targets, strict: own !== null && own.strict, ...(rescue === undefined ? {} : { rescue }), ...(coalesce === undefined ? {} : { coalesce }),
      ...(own?.timeouts == null ? {} : { timeouts: resolveTimeouts(own.timeouts) }),
      ...(hedge === null ? {} : { hedge: { share: hedge.share / 100, leastMs: hedge.at_least } }),
      ...(shadow === null ? {} : { shadow: { target: resolveTarget(shadow.target, name.endsWith('*'), ids, [...path, 'shadow', 'target'], problems), share: shadow.share / 100, concurrency: shadow.concurrency } }),
    }
  })
}

function resolveTarget(text: string, wildcard: boolean, ids: ReadonlySet<string>, at: Path, problems: ConfigProblems): { provider: string, model: string } {
  const slash = text.indexOf('/')
  const provider = text.slice(0, slash)
  const model = text.slice(slash + 1)
  if (!ids.has(provider)) {
    const meant = closestName(provider, ids)
    problems.error(at, `provider \`${provider.slice(0, 64)}\` is not configured; ${meant === null
      ? `add it under \`providers\`, or use one of: ${[...ids].slice(0, 20).join(', ') || '(none)'}` : `did you mean \`${meant}/${model.slice(0, 64)}\`?`}`)
  }
  if (model.includes('*') && !wildcard) problems.error(at, 'a `*` in a target needs a public name that ends in `*`')
  else if (model.indexOf('*') !== model.lastIndexOf('*')) problems.error(at, 'a target has at most one `*`')
  else if (model.length > MAX_MODEL_NAME || !MODEL_NAME.test(model.replace('*', 'x'))) problems.error(at, `a model name has 1 to ${MAX_MODEL_NAME} characters and no control characters`)
  return { provider, model }
}
