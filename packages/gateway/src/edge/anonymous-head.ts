import { isIP } from 'node:net'
import { failure, gatewayError, success, type AnonymousConfig, type GatewayError, type RequestHead, type Result } from '@headrace/contract'

/** Credentials that local tools send because they must send something: they mean nothing here. */
const CREDENTIALS: ReadonlySet<string> = new Set(['x-api-key', 'api-key', 'x-goog-api-key', 'cookie'])

/**
 * A request that came where no key is asked for. To everybody behind the edge it looks as if it had brought the key of that listener, whatever it brought
 * itself: so all that goes by keys (allow list, limits, log, contexts) goes for it too, and nothing has a way around.
 */
class AnonymousHead implements RequestHead {
  readonly #head: RequestHead
  readonly #authorization: string
  readonly query: string

  constructor(head: RequestHead, token: string) {
    this.#head = head
    this.#authorization = `Bearer ${token}`
    this.query = head.query.includes('key=') ? head.query.split('&').filter(part => !part.startsWith('key=')).join('&') : head.query
  }

  get method(): string {
    return this.#head.method
  }

  get path(): string {
    return this.#head.path
  }

  get remoteAddress(): string {
    return this.#head.remoteAddress
  }

  header(name: string): string | undefined {
    if (name === 'authorization') return this.#authorization
    return CREDENTIALS.has(name) ? undefined : this.#head.header(name)
  }
}

/**
 * Lets a request in without a key. Errors: `forbidden` for one that a web page may have sent: a page can make a browser call this machine, directly (its
 * `Origin` tells) or by a name of its own that it lets point here (DNS rebinding: `Host` tells). An address or `localhost` cannot be made to point elsewhere.
 */
export function letIn(head: RequestHead, { hosts, origins, token }: AnonymousConfig): Result<RequestHead> {
  const origin = head.header('origin')
  if (origin !== undefined && !origins.includes(origin.toLowerCase())) return failure(stranger('Web pages may not call this address', '`anonymous.origins`'))
  const site = head.header('sec-fetch-site')
  if (origin === undefined && site !== undefined && site !== 'none' && site !== 'same-origin') return failure(stranger('Web pages may not call this address', '`anonymous.origins`'))
  const host = hostName(head.header('host') ?? '')
  if (!isOurs(host) && !hosts.includes(host)) return failure(stranger('This address is not called by that host name', '`anonymous.hosts`'))
  return success(new AnonymousHead(head, token))
}

const stranger = (what: string, setting: string): GatewayError => gatewayError('forbidden', `${what}: it asks for no key, and so it answers local tools alone. Those that are welcome are named in ${setting}.`)

/** Without port and brackets, lower case. */
const hostName = (host: string): string => host.toLowerCase().replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')

const isOurs = (host: string): boolean => host === 'localhost' || host.endsWith('.localhost') || isIP(host) !== 0
