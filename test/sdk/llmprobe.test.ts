import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_KEY, REPOSITORY } from '../harness/start-headrace.ts'
import { OUTBOUND, startLanes, type Lanes } from './matrix/lanes.ts'

/** Surfaces that must be whole over every provider dialect. Others (embeddings, legacy completions) belong to the providers that have them. */
const SURFACES: ReadonlySet<string> = new Set(['models', 'chat', 'responses', 'messages', 'count-tokens'])

/**
 * What llmprobe cannot decide because it asks a model for judgement, and the engine is none: it echoes. By id, the reason.
 */
const NEEDS_A_MODEL: Readonly<Record<string, string>> = {
  'chat-parallel-tools': 'a model that calls one tool for each of two cities',
  'responses-parallel-tools': 'a model that calls one tool for each of two cities',
  'messages-parallel-tools': 'a model that calls one tool for each of two cities',
  'chat-reasoning-cap': 'thoughts that a small limit cuts short',
  'responses-reasoning-cap': 'thoughts that a small limit cuts short',
  'messages-reasoning-cap': 'thoughts that a small limit cuts short',
  'chat-assistant-prefill': 'a model that goes on with half a sentence',
  'messages-assistant-prefill': 'a model that goes on with half a sentence',
  'messages-stop-sequence-echo': 'a model that counts, and so writes the stop sequence',
  'messages-system-blocks': 'a model that obeys its system prompt',
  'messages-thinking-budget': 'a provider that shows its thoughts, which Chat Completions does not',
}

/** What cannot be over one dialect. By its name and by id, the reason. */
const IMPOSSIBLE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Responses: { 'chat-limits-max-tokens': 'asks for eight tokens and looks at the usage: Responses writes sixteen or more, of which the gateway hands eight on' },
}

/** The vendor of Responses refuses limits under sixteen tokens, which the suite asks for all the same: it is made for other engines. */
const ENGINES: Readonly<Record<string, string>> = { Responses: 'echo:recall,lenient' }
/** One of its probes goes on with a response, and looks for what was said in it. */
const ENGINE = 'echo:recall'

interface Outcome { readonly id: string, readonly surface: string, readonly outcome: string, readonly reason?: string, readonly failures: readonly { readonly severity: string, readonly message: string }[] }

let lanes: Lanes
beforeAll(async () => { lanes = await startLanes(OUTBOUND) }, 30_000)
afterAll(() => lanes?.stop())

/**
 * Runs the command to its end, at most two minutes; what it says of every probe. Not with `--full`: of Messages that wants caches without markers, and cached tokens that are
 * among `input_tokens`, and its vendor has neither.
 */
async function probe(model: string): Promise<readonly Outcome[]> {
  const home = mkdtempSync(join(tmpdir(), 'headrace-llmprobe-'))
  try {
    const args = ['node_modules/llmprobe/bin/dist/llmprobe.mjs', `${lanes.url}/v1`, '-k', API_KEY, '-m', model, '--json', '--no-bench', '--no-save', '--no-color']
    const child = spawn(process.execPath, args, { cwd: REPOSITORY, env: { ...process.env, HOME: home }, stdio: ['ignore', 'pipe', 'ignore'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), 120_000)
    let text = ''
    for await (const chunk of child.stdout) text += String(chunk)
    clearTimeout(timer)
    return (JSON.parse(text) as { conformance: { results: readonly Outcome[] } }).conformance.results.filter(result => SURFACES.has(result.surface))
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

describe.each(OUTBOUND.map(outbound => [outbound.name, outbound] as const))('llmprobe over %s', (_name, outbound) => {
  it('finds nothing that an engine must do and this one does not', { timeout: 130_000 }, async () => {
    const results = await probe(lanes.model(outbound, ENGINES[outbound.name] ?? ENGINE))
    const impossible = IMPOSSIBLE[outbound.name] ?? {}
    expect(results.filter(result => result.outcome === 'fail' && impossible[result.id] === undefined)).toEqual([])
    expect(results.filter(result => result.outcome !== 'fail' && impossible[result.id] !== undefined)).toEqual([])
    expect(results.filter(result => result.outcome === 'inconclusive' && NEEDS_A_MODEL[result.id] === undefined)).toEqual([])
    for (const surface of ['chat', 'responses', 'messages']) expect(results.filter(result => result.surface === surface && result.outcome === 'pass').length).toBeGreaterThan(20)
  })
})
