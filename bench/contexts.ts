import { startHeadrace, API_KEY } from '../test/harness/start-headrace.ts'
import { startScriptedUpstream, answerJson } from '../test/harness/scripted-upstream.ts'
import { completion } from '../test/harness/completions.ts'
import { agentConversations, longChat, words } from './contexts/conversations.ts'
import { deltaBytes } from './contexts/delta-bytes.ts'
import { coldTurnMs, turnCpuMs, TurnRig } from './contexts/turn-cost.ts'
import type { Bench, BenchOptions, BenchResult } from './bench.ts'
import { median } from './relay/measure.ts'
import { cpuNanoseconds } from './relay/process-cost.ts'
import { seededRandom } from '../packages/sandbox/src/engine/random.ts'

const TARGETS: Readonly<Record<string, number>> = Object.freeze({ delta_bytes_tau: 25, delta_bytes_chat: 150, turn_cpu_ms_512k: 0.5, turn_cpu_growth: 1.2, cold_turn_ms: 2 })
const AT_LEAST: ReadonlySet<string> = new Set(['delta_bytes_tau', 'delta_bytes_chat'])

export const contexts: Bench = {
  name: 'contexts',
  question: `What do clients save that send only what is new, and what does a turn of a remembered conversation cost? (figures: ${Object.keys(TARGETS).join(', ')})`,
  run,
}

const CHATS = 100
const CHAT_TURNS = 300
const SIZES = Object.freeze({ small: 8 * 1_024, large: 512 * 1_024, largest: 2 * 1_024 * 1_024 })
/** Conversations that have a turn at the same time: they share what the disk costs. */
const AT_ONCE = 16
const FILE_CONTEXTS = 100_000
const COLD_TURNS = 100

async function run(options: BenchOptions): Promise<BenchResult> {
  const wants = (name: string): boolean => options.only.length === 0 || options.only.includes(name)
  const figures: Record<string, number> = {}
  if (wants('delta_bytes_tau')) {
    const { real, conversations } = agentConversations()
    options.say(`agents' conversations: ${conversations.length}, ${real ? 'of tau-bench, airline' : 'generated in the shape of tau-bench, airline'}`)
    figures['delta_bytes_tau'] = await deltaBytes(conversations)
  }
  if (wants('delta_bytes_chat')) figures['delta_bytes_chat'] = await deltaBytes(Array.from({ length: CHATS }, (_, seed) => longChat(seed, CHAT_TURNS)))
  if (wants('turn_cpu_ms_512k') || wants('turn_cpu_growth')) await measureTurns(options, figures)
  if (wants('cold_turn_ms')) await measureCold(options, figures)
  return { figures, targets: Object.fromEntries(Object.entries(TARGETS).filter(([name]) => wants(name))), atLeast: AT_LEAST, voidReason: null }
}

async function measureTurns(options: BenchOptions, figures: Record<string, number>): Promise<void> {
  const rig = new TurnRig()
  try {
    const large = await Promise.all(Array.from({ length: AT_ONCE }, () => rig.grow(SIZES.large)))
    const costs: number[] = []
    for (let round = 0; round < options.rounds; round++) costs.push(await turnCpuMs(rig, large, 10))
    figures['turn_cpu_ms_512k'] = median(costs)
    const alone = large.slice(0, 1), largest = [await rig.grow(SIZES.largest)]
    options.say(`a turn that has the disk to itself, 512 KB: ${(await turnCpuMs(rig, alone, 50)).toFixed(2)} ms of CPU`)
    const growths: number[] = []
    // In turns, so that a busy machine is as hard on both.
    for (let round = 0; round < options.rounds * 2; round++) {
      const small = [await rig.grow(SIZES.small)]
      growths.push(1 / await turnCpuMs(rig, small, 20) * await turnCpuMs(rig, largest, 20))
    }
    figures['turn_cpu_growth'] = median(growths)
  } finally {
    await rig.close()
  }
  await measureWholeTurn(options)
}

/** All that the processes of a real gateway do for a turn: the client's and the provider's connection, the large request that is written, log, metrics. */
async function measureWholeTurn({ say }: BenchOptions): Promise<void> {
  const upstream = await startScriptedUpstream()
  const headrace = await startHeadrace({ config: { providers: { up: { base_url: upstream.url, credentials: ['sk-upstream-0123456789'] } }, contexts: {} } })
  try {
    upstream.on('m', (socket, request) => {
      upstream.requests.length = 0
      return answerJson(completion('Noted.'))(socket, request)
    })
    const random = seededRandom(5)
    const turn = async (id: string, text: string): Promise<string> => {
      const answer = await fetch(`${headrace.url}/v1/chat/completions`, { method: 'POST', headers: { 'authorization': `Bearer ${API_KEY}`, 'headrace-context': id, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'up/m', messages: [{ role: 'user', content: text }] }) })
      await answer.arrayBuffer()
      if (answer.status !== 200) throw new Error(`A turn was answered with ${answer.status}.`)
      return answer.headers.get('headrace-context') ?? ''
    }
    const id = await turn('new', words(random, 80_000))
    for (let warm = 0; warm < 50; warm++) await turn(id, words(random, 30))
    const { workers, control } = headrace.pids()
    const before = cpuNanoseconds([...workers, control])
    for (let count = 0; count < 100; count++) await turn(id, words(random, 30))
    say(`the whole turn at 512 KB, all processes, one after the other: ${((cpuNanoseconds([...workers, control]) - before) / 1e8).toFixed(2)} ms of CPU`)
  } finally {
    await headrace.stop()
    await upstream.stop()
  }
}

async function measureCold(options: BenchOptions, figures: Record<string, number>): Promise<void> {
  const rig = new TurnRig()
  try {
    const ids = await rig.fill(FILE_CONTEXTS)
    options.say(`${FILE_CONTEXTS} contexts are on file`)
    figures['cold_turn_ms'] = await coldTurnMs(rig, ids.slice(0, COLD_TURNS))
  } finally {
    await rig.close()
  }
}


