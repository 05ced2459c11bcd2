import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { REPOSITORY } from './start-headrace.ts'

/** The sources once more, as a checkout of another version beside the first: its packages are its own, what npm installed is shared. */
export interface SecondCopy {
  readonly directory: string
  /** The command, to be run by Node. */
  readonly cli: string
  remove(): void
}

export function copySources(version: string): SecondCopy {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-copy-'))
  cpSync(join(REPOSITORY, 'packages'), join(directory, 'packages'), { recursive: true, filter: path => !/\/(?:dist|\.cache|node_modules)$/.test(path) })
  const modules = join(directory, 'node_modules')
  mkdirSync(join(modules, '@headrace'), { recursive: true })
  for (const name of readdirSync(join(REPOSITORY, 'node_modules'))) if (name !== '@headrace' && name !== 'headrace') symlinkSync(join(REPOSITORY, 'node_modules', name), join(modules, name))
  for (const name of readdirSync(join(directory, 'packages'))) symlinkSync(join(directory, 'packages', name), join(modules, '@headrace', name))
  const facts = join(directory, 'packages/cli/package.json')
  writeFileSync(facts, readFileSync(facts, 'utf8').replace(/"version": "[^"]*"/, `"version": "${version}"`))
  return { directory, cli: join(directory, 'packages/cli/src/main.ts'), remove: () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }) }
}
