import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LOAD_CORE } from './machinery.ts'

export type Traffic = 'json' | 'half' | 'tls' | 'burst' | 'spaced' | 'hold'
export const API_KEY = 'hr_bench_0123456789abcdef0123456789abcdef'
export const CHUNKS = 50

const BODY_BYTES = 904

/** Connections, and what a valid answer's end holds. Public names differ from the provider's, so that a gateway has to rewrite. */
export const SHAPES: Readonly<Record<Traffic, { readonly model: string, readonly connections: number, readonly need: string, readonly stream: boolean }>> = Object.freeze({
  json: { model: 'my-json', connections: 32, need: '"total_tokens":400', stream: false },
  // JSON on half the connections: the load of one worker of two.
  half: { model: 'my-json', connections: 16, need: '"total_tokens":400', stream: false },
  tls: { model: 'my-tls-json', connections: 32, need: '"total_tokens":400', stream: false },
  burst: { model: 'my-burst', connections: 16, need: '[DONE]', stream: true },
  spaced: { model: 'my-spaced', connections: 200, need: '[DONE]', stream: true },
  hold: { model: 'my-hold', connections: 5000, need: '', stream: true },
})

function body(traffic: Traffic): string {
  const { model, stream } = SHAPES[traffic]
  const make = (text: string): string => JSON.stringify({
    model, messages: [{ role: 'system', content: 'You are a helpful assistant.' }, { role: 'user', content: text }],
    temperature: 0.7, ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  })
  return make('what holds the water back? '.repeat(40).slice(0, BODY_BYTES - make('').length))
}

const head = (framing: string): string => `POST /v1/chat/completions HTTP/1.1\r\nHost: bench.test\r\nAuthorization: Bearer ${API_KEY}\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`

/** Writes the request files of all traffics into a folder. `odd-*`: legal, but no fast path takes it (chunked body). */
export function writeRequests(folder: string, upstreamPort: number): void {
  for (const traffic of Object.keys(SHAPES) as Traffic[]) { // keys of a Record<Traffic, ...>
    const text = body(traffic)
    writeFileSync(join(folder, traffic), head(`Content-Length: ${text.length}`) + text)
    writeFileSync(join(folder, `odd-${traffic}`), `${head('Transfer-Encoding: chunked')}${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`)
    // Portkey learns its provider from headers; it is given them instead of a configuration.
    const portkey = `x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:${upstreamPort}/v1\r\nContent-Length: ${text.length}`
    writeFileSync(join(folder, `portkey-${traffic}`), head(portkey) + text)
  }
}

export interface LoadResult { readonly ok: number, readonly errors: number, readonly seconds: number, readonly p50Us: number, readonly p99Us: number }
export interface Load { readonly program: string, readonly requests: string }

/** Runs the load generator to its end. */
export async function runLoad(load: Load, port: number, traffic: Traffic, limits: { readonly seconds: number, readonly count?: number, readonly odd?: boolean, readonly file?: string }): Promise<LoadResult> {
  const { connections, need } = SHAPES[traffic]
  const args = [String(port), String(connections), String(limits.seconds), join(load.requests, limits.file ?? traffic)]
  if (need !== '') args.push('--need', need)
  if (limits.count !== undefined) args.push('--count', String(limits.count))
  if (limits.odd === true) args.push('--first', join(load.requests, `odd-${traffic}`))
  const child = spawn('taskset', ['-c', LOAD_CORE, load.program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString() })
  const code = await new Promise((resolve) => { child.once('close', resolve) })
  const line = text.trim().split('\n').at(-1) ?? ''
  if (code !== 0 || !line.startsWith('{')) throw new Error(`The load generator failed with code ${String(code)}: ${text}`)
  return JSON.parse(line) as LoadResult // our own program's line
}

/** Opens held streams, resolves with their number when all have begun (or after 30 s); `stop` lets them go. */
export async function holdStreams(load: Load, port: number): Promise<{ readonly held: number, stop(): Promise<void> }> {
  const { connections } = SHAPES.hold
  const command = `ulimit -n 20000; exec taskset -c ${LOAD_CORE} "$0" "$@"`
  const child = spawn('sh', ['-c', command, load.program, String(port), String(connections), '60', join(load.requests, 'hold'), '--hold', '--spread'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = new Promise((resolve) => { child.once('close', resolve) })
  const held = await new Promise<number>((resolve) => {
    let last = 0
    const timer = setTimeout(() => { resolve(last) }, 30_000)
    const finish = (): void => {
      clearTimeout(timer)
      resolve(last)
    }
    child.stdout.on('data', (chunk: Buffer) => {
      for (const match of chunk.toString().matchAll(/held (\d+)/g)) last = Number(match[1])
      if (last >= connections) finish()
    })
    child.once('close', finish)
  })
  return { held, stop: async () => { child.kill('SIGTERM'); await gone } }
}
