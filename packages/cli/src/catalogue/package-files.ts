import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'

/** Unpacked bytes of a package at most. */
const MAX_UNPACKED = 64 * 2 ** 20
const BLOCK = 512
const FETCH_MS = 120_000

/**
 * Fetches a published package with the user's own npm, and returns its files, `package/` taken off. Nothing of it is installed, written or run. Throws
 * where npm fails, or what it brings is no package.
 */
export async function fetchPackage(spec: string): Promise<ReadonlyMap<string, Buffer>> {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-npm-'))
  try {
    await npm(['pack', spec, '--ignore-scripts', '--loglevel=error', `--pack-destination=${folder}`], folder)
    const [name] = readdirSync(folder).filter(file => file.endsWith('.tgz'))
    if (name === undefined) throw new Error(`npm brought no package for ${spec}`)
    return readTarball(readFileSync(join(folder, name)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** When a version of a package was published, `2026-11-10`. Throws where npm does not know. */
export async function fetchReleaseDate(name: string, version: string): Promise<string> {
  const times: unknown = JSON.parse(await npm(['view', name, 'time', '--json', '--loglevel=error'], tmpdir()))
  const time = typeof times === 'object' && times !== null ? new Map(Object.entries(times)).get(version) : undefined
  if (typeof time !== 'string' || !/^20\d\d-\d\d-\d\dT/.test(time)) throw new Error(`npm does not say when ${name}@${version} was published`)
  return time.slice(0, 10)
}

/** What the user's own npm prints. */
async function npm(args: readonly string[], cwd: string): Promise<string> {
  const [command, shell] = process.platform === 'win32' ? ['npm.cmd', true] as const : ['npm', false] as const
  return (await promisify(execFile)(command, [...args], { cwd, shell, timeout: FETCH_MS, maxBuffer: 2 ** 20 })).stdout
}

/** The plain files of an npm tarball. Throws on what is none. */
export function readTarball(tarball: Buffer): ReadonlyMap<string, Buffer> {
  const bytes = gunzipSync(tarball, { maxOutputLength: MAX_UNPACKED })
  const files = new Map<string, Buffer>()
  let longName = ''
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const head = bytes.subarray(at, at + BLOCK)
    if (head[0] === 0) break
    const size = Number.parseInt(textOf(head, 124, 12), 8)
    if (!Number.isSafeInteger(size) || size < 0 || at + BLOCK + size > bytes.length) throw new Error('a damaged tarball')
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size)
    const kind = String.fromCharCode(head[156] ?? 0)
    const prefix = textOf(head, 345, 155)
    const name = longName || `${prefix === '' ? '' : `${prefix}/`}${textOf(head, 0, 100)}`
    longName = kind === 'x' ? /^\d+ path=([^\n]+)$/m.exec(content.toString('utf8'))?.[1] ?? '' : ''
    if (kind === '0' || kind === '\0') files.set(name.replace(/^[^/]*\//, ''), content)
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}

function textOf(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? length : end).trim()
}
