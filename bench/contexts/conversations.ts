import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { ROOT } from '../relay/machinery.ts'
import { seededRandom } from '../../packages/sandbox/src/engine/random.ts'

/** A message of Chat Completions. */
export type Message = Readonly<Record<string, unknown>> & { readonly role: string }
export type Conversation = readonly Message[]

const TAU = `${ROOT}/../shared/data/tau_bench_gpt4o_airline.json.gz`

/** Agents at work in an airline's support: the public trajectories of tau-bench where they are at hand, else conversations of the same shape. `real` says which. */
export function agentConversations(): { readonly real: boolean, readonly conversations: readonly Conversation[] } {
  if (!existsSync(TAU)) return { real: false, conversations: Array.from({ length: 200 }, (_, n) => agentConversation(n)) }
  const recorded = JSON.parse(gunzipSync(readFileSync(TAU)).toString()) as { traj: Message[] }[]
  return { real: true, conversations: recorded.map(({ traj }) => traj.filter(message => typeof message.role === 'string')) }
}

/** The shape of tau-bench's airline trajectories: a policy of 6 KB, some 26 messages, of which every third answer calls a tool whose result has some 900 bytes. */
function agentConversation(seed: number): Conversation {
  const random = seededRandom(seed + 1)
  const messages: Message[] = [{ role: 'system', content: words(seededRandom(0), 1_000) }]
  for (let turn = 0; turn < 9; turn++) {
    messages.push({ role: 'user', content: words(random, 25) })
    if (turn % 3 !== 0) {
      const id = `call_${seed}_${turn}`
      messages.push({ role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name: 'get_reservation_details', arguments: JSON.stringify({ reservation_id: words(random, 1) }) } }] })
      messages.push({ role: 'tool', tool_call_id: id, name: 'get_reservation_details', content: JSON.stringify({ details: words(random, 140) }) })
    }
    messages.push({ role: 'assistant', content: words(random, 60) })
  }
  return messages
}

/** People who chat for long. */
export function longChat(seed: number, turns: number): Conversation {
  const random = seededRandom(seed + 1_000)
  return [{ role: 'system', content: words(seededRandom(0), 120) }, ...Array.from({ length: turns }, (): readonly Message[] => [
    { role: 'user', content: words(random, 10 + Math.floor(random() * 30)) }, { role: 'assistant', content: words(random, 20 + Math.floor(random() * 100)) },
  ]).flat()]
}

const WORDS = 'time year people way day man thing woman life child world school state family student group country problem hand part place case week company system program question work government number night point home water room mother area money story fact month lot right study book eye job word business issue side kind head house service friend father power hour game line end member law car city community name president team minute idea body information back parent face others level office door health person art war history party result change morning reason research girl guy moment air teacher force education'.split(' ')

/** Text that compresses as English does, roughly. */
export const words = (random: () => number, count: number): string => Array.from({ length: count }, () => `${WORDS[Math.floor(random() ** 1.5 * WORDS.length)] ?? ''}${random() < 0.1 ? '.' : ''}${random() < 0.05 ? ` ${Math.floor(random() * 1e6)}` : ''}`).join(' ')
