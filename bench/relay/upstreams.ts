import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { compileNative, freePort, listening, LOAD_CORE, spawnPinned, stopProcess } from './machinery.ts'

/** The native upstream twice: plain, and with TLS under a certificate of our own. Both gateways and yardstick use the same two. */
export interface Upstreams {
  readonly plain: number
  readonly tls: number
  /** PEM file that vouches for the TLS upstream. */
  readonly certificate: string
  stop(): Promise<void>
}

export async function startUpstreams(folder: string): Promise<Upstreams> {
  const program = compileNative('upstream')
  const certificate = join(folder, 'upstream.pem')
  const key = join(folder, 'upstream.key')
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=bench upstream',
    '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  const plain = await freePort()
  const tls = await freePort()
  const limited = (args: readonly string[]) => spawnPinned(LOAD_CORE, 'sh', ['-c', 'ulimit -n 20000; exec "$0" "$@"', program, ...args])
  const children = [limited([String(plain)]), limited([String(tls), certificate, key])] as const
  const stop = async (): Promise<void> => { await Promise.all(children.map(stopProcess)) }
  try {
    await listening(plain, children[0])
    await listening(tls, children[1])
  } catch (error) {
    await stop()
    throw error
  }
  return { plain, tls, certificate, stop }
}
