import { loadFile } from './load-file.ts'

/** Checks a configuration file. Prints what it found; 0 = it can be used. */
export async function check(path: string): Promise<number> {
  const loaded = loadFile(path)
  if (!loaded.ok) {
    process.stderr.write(`${loaded.error}\n`)
    return 1
  }
  const { config, warnings } = loaded.value
  for (const warning of warnings) process.stderr.write(`Warning: ${warning}\n`)
  const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`
  process.stdout.write(`${path} is right: ${count(config.providers.length, 'provider')}, ${count(config.models.length, 'model')}, ${count(config.keys.length, 'key')}.\n`)
  return 0
}
