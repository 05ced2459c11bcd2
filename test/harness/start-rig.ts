import { sendRaw, openRaw, type RawAnswer, type RawRequest } from './http-client.ts'
import { startScriptedUpstream, type ScriptedUpstream } from './scripted-upstream.ts'
import { API_KEY, startHeadrace, type Headrace, type HeadraceOptions } from './start-headrace.ts'
import type { Socket } from 'node:net'

/** The secret that the scripted provider is called with. */
export const PROVIDER_KEY = 'sk-provider-secret-canary-0123456789'

/** A gateway before one scripted provider called `up`. */
export interface Rig {
  readonly upstream: ScriptedUpstream
  readonly headrace: Headrace
  /** POST to /v1/chat/completions with the test client's key. */
  post(body: string | Buffer, headers?: RawRequest['headers'], more?: Partial<RawRequest>): Promise<RawAnswer>
  /** The same, but the caller holds the socket. */
  open(body: string | Buffer): Promise<Socket>
  stop(): Promise<void>
}

export interface RigOptions extends Omit<HeadraceOptions, 'config'> {
  /** Settings of the provider `up` beside its address and credential. */
  readonly provider?: Readonly<Record<string, unknown>>
  readonly config?: (upstream: ScriptedUpstream) => Readonly<Record<string, unknown>>
}

/** `pair-NAME` goes to `first-NAME`, then to `second-NAME`; `up/NAME` straight to `NAME`. */
export function rigConfig(upstream: ScriptedUpstream, provider: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    providers: { up: { base_url: upstream.url, credentials: [PROVIDER_KEY], ...provider } },
    models: { 'pair-*': ['up/first-*', 'up/second-*'], 'single-*': ['up/single-*'] },
  }
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const upstream = await startScriptedUpstream()
  const { provider, config, ...rest } = options
  try {
    const headrace = await startHeadrace({ ...rest, config: { ...rigConfig(upstream, provider), ...config?.(upstream) } })
    return assemble(upstream, headrace)
  } catch (error) {
    await upstream.stop()
    throw error
  }
}

function assemble(upstream: ScriptedUpstream, headrace: Headrace): Rig {
  const request = (body: string | Buffer, headers: RawRequest['headers'] = []): RawRequest =>
    ({ body, headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json'], ...headers] })
  return {
    upstream, headrace,
    post: (body, headers, more) => sendRaw(headrace.port, { ...request(body, headers), ...more }),
    open: body => openRaw(headrace.port, request(body)),
    async stop() {
      await headrace.stop()
      await upstream.stop()
    },
  }
}
