import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuthorityHost } from '../packages/gateway/src/authority/authority-host.ts'
import type { BenchOptions } from './bench.ts'
import type { Contender } from './relay/contender.ts'
import { startHeadrace } from './relay/headrace.ts'
import { compileNative, requireTools } from './relay/machinery.ts'
import { compare } from './relay/measure.ts'
import { startNginx } from './relay/nginx.ts'
import { writeRequests } from './relay/traffic.ts'
import { startUpstreams } from './relay/upstreams.ts'

/** A slower nginx means that something else had the machine. */
const NGINX_LIMIT_US = 30

const levels = (amounts: object): readonly object[] => (['key', 'team', ['key', 'model']] as const).map(per => ({ per, ...amounts }))
const REQUESTS = { requests: '1000000/s', concurrency: 10_000 }

/** CPU per relayed JSON request with three levels of limits on, as a ratio to nginx in the same run. The worker runs alone; its lease authority lives here. */
export async function relayWithLimits(options: BenchOptions): Promise<{ readonly figures: Readonly<Record<string, number>>, readonly voidReason: string | null }> {
  requireTools()
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const started: { stop(): Promise<void> }[] = []
  const running = async <Part extends { stop(): Promise<void> }>(part: Promise<Part> | Part): Promise<Part> => {
    const begun = await part
    started.push(begun)
    return begun
  }
  try {
    const upstreams = await running(startUpstreams(folder))
    writeRequests(folder, upstreams.plain)
    const authority = await running(new AuthorityHost({ stateFile: null, onProblem: problem => { throw new Error(problem) } }))
    const headrace = (name: string, limits: readonly object[]): Promise<Contender> =>
      running(startHeadrace(folder, upstreams, { name, logCalls: true, whole: false, limits, cpuProf: name === 'headrace, limits' ? options.cpuProf : null, onWorker: child => { authority.attach(child) } }))
    const contenders = [
      await running(startNginx(folder, upstreams)), await headrace('headrace', []),
      await headrace('headrace, limits', levels(REQUESTS)), await headrace('headrace, token limits', levels({ ...REQUESTS, tokens: '1000000000000/day' })),
    ]
    const costs = await compare(contenders.map(contender => ({ name: contender.name, contender, traffic: 'json' })), { program: compileNative('load'), requests: folder }, options.rounds, options.seconds)
    for (const [name, cost] of costs) options.say(`json    ${name.padEnd(26)}${cost.workers.toFixed(1).padStart(9)} us   ${Math.round(cost.perSecond).toString().padStart(7)}/s`)
    const yardstick = costs.get('nginx')?.workers ?? NaN
    const ratio = (name: string): number => Math.round((costs.get(name)?.workers ?? NaN) / yardstick * 1_000) / 1_000
    return {
      figures: { json_with_limits: ratio('headrace, limits'), json_with_token_limits: ratio('headrace, token limits'), json_without_limits: ratio('headrace') },
      voidReason: yardstick <= NGINX_LIMIT_US ? null : `nginx itself cost ${yardstick.toFixed(1)} us per JSON request, more than ${NGINX_LIMIT_US}: the machine is busy or slow.`,
    }
  } finally {
    for (const part of started.toReversed()) await part.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
