import { readdirSync } from 'node:fs'
import { DIALECTS } from './wire-case.ts'

/** A golden file of this folder. `name`: with its folder's. */
export interface WireFile { readonly name: string, readonly folder: string, readonly path: string }

/** What every pair of dialects has a case of, by the beginning of its name. */
const NAMES = {
  'text': /^text\./, 'stream': /^stream\./, 'tools': /^tools\./, 'parallel tools': /^parallel-tools/, 'tool results': /^tool-results\./, 'images': /^images-/, 'structured output': /^structured-output/,
  'reasoning': /^reasoning/, 'refusal or filter': /^(refusal|content-filter|safety)/, 'error': /^error\./, 'error in mid-stream': /^mid-stream-error/, 'usage': /^usage/,
} as const
export type Subject = keyof typeof NAMES
export const SUBJECTS: readonly Subject[] = Object.keys(NAMES) as Subject[] // its own keys

const ids = Object.keys(DIALECTS.translating)
/** Client's and provider's dialects, as the folders are called. */
export const WIRE_PAIRS: readonly string[] = ids.flatMap(client => ids.map(provider => `${client}--${provider}`))

export function wireFiles(): readonly WireFile[] {
  const root = new URL('.', import.meta.url)
  const folders = readdirSync(root, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(entry => entry.name)
  return folders.flatMap(folder => readdirSync(new URL(`${folder}/`, root)).map(name => ({ name: `${folder}/${name}`, folder, path: new URL(`${folder}/${name}`, root).pathname })))
}

export const isOf = (subject: Subject, { name, folder }: WireFile): boolean => NAMES[subject].test(name.slice(folder.length + 1))
