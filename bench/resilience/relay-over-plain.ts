import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchOptions } from '../bench.ts'
import type { Contender } from '../relay/contender.ts'
import { startHeadrace } from '../relay/headrace.ts'
import { compileNative, requireTools } from '../relay/machinery.ts'
import { sideBySide, type Entry } from '../relay/measure.ts'
import { SHAPES, writeRequests, type Traffic } from '../relay/traffic.ts'
import { startUpstreams } from '../relay/upstreams.ts'

const TRAFFICS = ['json', 'burst', 'spaced'] as const satisfies readonly Traffic[]

/** What each request of the load is: `my-json` at the provider's `json`. */
const upstreamName = (traffic: Traffic): string => SHAPES[traffic].model.replace('my-', '')

/** One target, and nothing on that can be switched off. */
const PLAIN = Object.freeze({ models: Object.fromEntries(TRAFFICS.map(traffic => [SHAPES[traffic].model, `bench/${upstreamName(traffic)}`])), relay: { coalesce: 'never' } })

/** Three targets, and everything on. Health, pacing and idempotency keys have no switch: what they cost a request is in both. */
function everythingOn(port: number): Readonly<Record<string, unknown>> {
  const provider = { dialect: 'openai-chat', base_url: `http://127.0.0.1:${port}/v1`, credentials: 'sk-upstream-0123456789' }
  const ids = ['bench', 'second', 'third']
  return {
    providers: Object.fromEntries(ids.map(id => [id, provider])),
    models: Object.fromEntries(TRAFFICS.map(traffic => [SHAPES[traffic].model, {
      targets: ids.map(id => `${id}/${upstreamName(traffic)}`), rescue: 'continue', hedge: true, coalesce: 'deterministic', timeouts: { first_token: '20s', total: '5m' },
    }])),
  }
}

/**
 * Worker CPU of a request to a model with three targets and hedging, rescue, coalescing and deadlines on, as a share of the same request's to a model with one target and none of them; per kind
 * of traffic, both under load at the same time, so that the machine's moods fall on both. The real processes, with keys and pacing at work beside them. Nothing fails: it is the price when all is well.
 */
export async function relayOverPlain(options: BenchOptions): Promise<Readonly<Record<(typeof TRAFFICS)[number], number>>> {
  requireTools()
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const started: { stop(): Promise<void> }[] = []
  try {
    const upstreams = await startUpstreams(folder)
    started.push(upstreams)
    writeRequests(folder, upstreams.plain)
    const start = async (name: string, sections: Readonly<Record<string, unknown>>): Promise<Contender> => {
      const contender = await startHeadrace(folder, upstreams, { name, logCalls: true, whole: options.cpuProf === null, sections, cpuProf: options.cpuProf === null ? null : join(options.cpuProf, name.replace(' ', '-')) })
      started.push(contender)
      return contender
    }
    const plain = await start('plain', PLAIN)
    const full = await start('everything on', everythingOn(upstreams.plain))
    const load = { program: compileNative('load'), requests: folder }
    const ratioOf = async (traffic: Traffic): Promise<number> => {
      const entry = (contender: Contender): Entry => ({ name: contender.name, contender, traffic })
      const { ratio, costs } = await sideBySide(entry(plain), entry(full), load, options.rounds, options.seconds)
      options.say(`${traffic.padEnd(8)}plain ${costs[0].toFixed(2)} us, everything on ${costs[1].toFixed(2)} us: ${ratio.toFixed(3)}`)
      return ratio
    }
    return { json: await ratioOf('json'), burst: await ratioOf('burst'), spaced: await ratioOf('spaced') }
  } finally {
    for (const part of started.toReversed()) await part.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
