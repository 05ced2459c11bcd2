import { existsSync, readFileSync } from 'node:fs'
import { failure, success, type Result } from '@headrace/contract'
import { readCatalogue } from '@headrace/contract/catalogue'
import { formatConfigErrors, loadConfig, type LoadedConfig } from '@headrace/contract/config'
import { KNOWN_PROVIDERS } from '@headrace/gateway/providers'

/** A configuration as `start` would take it, or what is wrong with it, for people. null = no file: the environment decides. `data`: where a catalogue may lie; null = nowhere. */
export function loadFile(path: string | null, data: string | null = null): Result<LoadedConfig, string> {
  if (path !== null && !existsSync(path)) return failure(`There is no configuration file ${path}. Name one, or run in the folder that holds headrace.yaml.`)
  let text: string | null
  try {
    text = path === null ? null : readFileSync(path, 'utf8')
  } catch (error) {
    return failure(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  const loaded = loadConfig({
    text, path, version: 1, keys: [], known: KNOWN_PROVIDERS, env: process.env, readFile: file => readFileSync(file, 'utf8'), catalogue: only => readCatalogue(data, only),
    // `start` says where the sandbox runs; without it, the address that the provider's own file gives stands for it.
    sandboxUrl: KNOWN_PROVIDERS.find(provider => provider.id === 'sandbox')?.baseUrl ?? null,
  })
  return loaded.ok ? success(loaded.value) : failure(formatConfigErrors(loaded.error, path, text))
}
