import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/** A package registry on loopback that holds what `npm ci` has installed here, and nothing else. */
export interface LocalRegistry {
  readonly url: string
  close(): void
}

/** `root`: a folder with a `package-lock.json` and its `node_modules`. What is not installed there, such as binaries of other platforms, is unknown (404). */
export async function startLocalRegistry(root: string): Promise<LocalRegistry> {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { readonly version?: string, readonly link?: boolean }> }
  /** Name and version to the folder of a package. */
  const folders = new Map<string, Map<string, string>>()
  for (const [folder, { version, link }] of Object.entries(packages)) {
    const name = folder.split('node_modules/').at(-1) ?? ''
    if (version === undefined || link === true || !folder.includes('node_modules/')) continue
    const versions = folders.get(name) ?? new Map<string, string>()
    folders.set(name, versions.set(version, join(root, folder)))
  }
  const server = createServer((request, response) => {
    const [, name = '', version = ''] = /^\/(.+?)(?:\/-\/(.+)\.tgz)?$/.exec(decodeURIComponent(request.url ?? '')) ?? []
    const folder = folders.get(name)?.get(version)
    if (folder !== undefined) return sendArchive(folder, response)
    const manifests = manifestsOf(folders.get(name) ?? new Map<string, string>(), `${url}/${name}/-/`)
    const latest = Object.keys(manifests).at(-1)
    if (latest === undefined || version !== '') return void response.writeHead(404).end('{}')
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ name, 'dist-tags': { latest }, versions: manifests }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, close: () => { server.closeAllConnections(); server.close() } }
}

function manifestsOf(versions: ReadonlyMap<string, string>, archives: string): Record<string, unknown> {
  const manifests: Record<string, unknown> = {}
  for (const [version, folder] of versions) {
    try {
      manifests[version] = { ...JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as object, dist: { tarball: `${archives}${version}.tgz` } }
    } catch {
      // Of another platform: not installed.
    }
  }
  return manifests
}

function sendArchive(folder: string, response: ServerResponse): void {
  const tar = spawn('tar', ['--exclude=./node_modules', '--transform=s,^\\.,package,', '-cf', '-', '.'], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  const gzip = spawn('gzip', ['-1'], { stdio: [tar.stdout, 'pipe', 'ignore'] })
  gzip.stdout.pipe(response)
}
