import { randomUUID } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { failure, success, type Result } from '@headrace/contract'
import { readInstance } from './pid-file.ts'

/**
 * What a command asks of the instance that runs on a data directory: written into the directory, which is its user's alone, and announced by SIGUSR2.
 * The answer lies there, too, until the next one replaces it.
 */
export interface InstanceRequest {
  readonly id: string
  readonly kind: 'restart' | 'upgrade'
  /** For `upgrade`: Node and the program `headrace` that is to take over. */
  readonly command: readonly string[]
}

export interface Outcome {
  /** Of the request. */
  readonly id: string
  readonly ok: boolean
  /** For people. */
  readonly text: string
}

const REQUEST = 'headrace.request.json'
const OUTCOME = 'headrace.outcome.json'

/** Asks, and waits for the outcome, at most `limitMs`. Fails with why nothing came of it. */
export async function askInstance(data: string, { kind, command }: Omit<InstanceRequest, 'id'>, limitMs: number): Promise<Result<string, string>> {
  const instance = readInstance(data)
  if (instance === null) return failure(`No Headrace runs on ${data}. Name its data directory with --data.`)
  if (process.platform === 'win32') return failure('Windows has no SIGUSR2: stop Headrace and start it again.')
  const id = randomUUID()
  try {
    write(data, REQUEST, { id, kind, command } satisfies InstanceRequest)
    process.kill(instance.supervisor, 'SIGUSR2')
  } catch (error) {
    return failure(`Process ${instance.supervisor} cannot be asked: ${error instanceof Error ? error.message : String(error)}`)
  }
  for (const end = performance.now() + limitMs; performance.now() < end; await delay(50)) {
    const outcome = read<Outcome>(data, OUTCOME)
    if (outcome?.id === id) return outcome.ok ? success(outcome.text) : failure(outcome.text)
    if (readInstance(data) === null) return failure('Headrace ended meanwhile.')
  }
  return failure(`Nothing was heard of it for ${limitMs / 1_000} s; it may still be under way. See what Headrace prints.`)
}

/** The request that waits, once. null = none does. */
export function takeRequest(data: string): InstanceRequest | null {
  const request = read<InstanceRequest>(data, REQUEST)
  rmSync(join(data, REQUEST), { force: true })
  return request
}

export function tellOutcome(data: string, outcome: Outcome): void {
  write(data, OUTCOME, outcome)
}

/** In one step: whoever reads finds all or nothing. */
function write(data: string, name: string, content: object): void {
  const path = join(data, name)
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(content), { mode: 0o600 })
  renameSync(`${path}.${process.pid}`, path)
}

function read<T>(data: string, name: string): T | null {
  try {
    return JSON.parse(readFileSync(join(data, name), 'utf8')) as T // our own file, written whole
  } catch {
    return null
  }
}
