import { Agent, request } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { seededRandom } from '../../packages/sandbox/src/engine/random.ts'
import { completion } from '../harness/completions.ts'
import { checkHistory, type Operation } from '../harness/history-checker.ts'
import { answerJson, pause, startScriptedUpstream, type ScriptedUpstream } from '../harness/scripted-upstream.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { rigConfig } from '../harness/start-rig.ts'

const SEED = Number(process.env['HEADRACE_TEST_SEED'] ?? 1)
const OPERATIONS = Number(process.env['HEADRACE_TEST_OPERATIONS'] ?? 100_000)
const WRITERS = 64
/** Writers of one context at a time, and what they do to it together: as much as one search takes. */
const WRITERS_EACH = 8
const OPERATIONS_EACH = 200
/** A writer is told so often, for each thing that it does, that another is at work. */
const MOST_BUSY = 4
const FAULT_EVERY_MS = 2_500
/** After so many faults all of it is killed and started again. */
const ALL_EVERY = 8

let upstream: ScriptedUpstream | null = null
let headrace: Headrace | null = null
afterEach(async () => {
  await headrace?.stop()
  await upstream?.stop()
}, 30_000)

interface Told { readonly status: number, readonly etag: string, readonly body: string }
type Message = { readonly role: string, readonly content: string }

/** What happened to one context, as its writers saw it. */
class Story {
  readonly id: string
  readonly operations: Operation[] = []
  /** The value that each version was told to have: the last thing that was appended. */
  readonly values = new Map<string, string>([['"1-"', '']])
  readonly reads: (readonly string[])[] = []
  /** Versions that were told to writers, each of which only one may have made. */
  readonly made: number[] = []
  readonly never = new Set<string>()

  constructor(id: string) {
    this.id = id
  }
}

it(`${OPERATIONS} reads, appends and turns of ${WRITERS} writers over two workers, which are killed and frozen with all the others: every context is linearizable, no write is lost or done twice`, { timeout: 600_000 }, async () => {
  const random = seededRandom(SEED)
  upstream = await startScriptedUpstream()
  const provider = upstream
  provider.on('echo', (socket, asked) => {
    provider.requests.length = 0
    const said = (JSON.parse(asked.body.toString()) as { messages: Message[] }).messages.at(-1)?.content ?? ''
    return answerJson(completion(`re ${said}`))(socket, asked)
  })
  const config = { ...rigConfig(provider), contexts: {}, }
  let running = headrace = await startHeadrace({ config, args: ['--workers', '2'] })
  let over = false
  const restart = async (): Promise<void> => {
    await running.kill9('everything')
    running = headrace = await startHeadrace({ directory: running.directory, config, args: ['--workers', '2'] })
  }
  const faults = { kills: 0, stops: 0, restarts: 0 }
  const disturbing = (async () => {
    for (let fault = 1; !over; fault++) {
      await pause(FAULT_EVERY_MS)
      if (over) return
      if (fault % ALL_EVERY === 0) {
        await restart()
        faults.restarts++
        continue
      }
      const { workers, control } = running.pids()
      const victim = random() < 0.35 ? control : workers[Math.floor(random() * workers.length)]
      if (victim === undefined || victim <= 0) continue
      if (random() < 0.5) {
        signal(victim, 'SIGKILL')
        faults.kills++
      } else {
        signal(victim, 'SIGSTOP')
        await pause(300)
        signal(victim, 'SIGCONT')
        faults.stops++
      }
    }
  })()

  const stories: Story[] = []
  let left = Math.ceil(OPERATIONS / OPERATIONS_EACH)
  const agents = Array.from({ length: WRITERS }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  const call = (writer: number, method: string, path: string, body: object | null, headers: Readonly<Record<string, string>> = {}): Promise<Told | null> => ask({ port: running.port, agent: agents[writer], method, path, body, headers })

  /** One writer's part of a context's story. */
  const write = async (story: Story, writer: number, rounds: number): Promise<void> => {
    let known = '"1-"'
    for (let round = 0, busy = 0; round < rounds + busy && busy < rounds * MOST_BUSY; round++) {
      const marker = `${writer}-${round}`
      const dice = random()
      const begin = performance.now()
      if (dice < 0.3) {
        const told = await call(writer, 'GET', `/v1/contexts/${story.id}/messages`, null)
        if (told?.status !== 200) continue
        const values = markersOf(JSON.parse(told.body) as Message[])
        note(story, told.etag, values.at(-1) ?? '')
        story.reads.push(values)
        story.operations.push({ did: 'read', begin, end: performance.now(), saw: values.at(-1) ?? '' })
        known = told.etag
        continue
      }
      const ifMatch = random() < 0.8 ? known : null
      const expected = ifMatch === null ? null : story.values.get(ifMatch) ?? null
      const headers = ifMatch === null ? {} : { 'if-match': ifMatch }
      const messages = [{ role: 'user', content: marker }]
      const told = dice < 0.93 ? await call(writer, 'POST', `/v1/contexts/${story.id}/items`, { messages }, headers)
        : await call(writer, 'POST', '/v1/chat/completions', { model: 'up/echo', messages }, { ...headers, 'headrace-context': story.id })
      const end = performance.now()
      if (told?.status === 200) {
        note(story, told.etag, marker)
        story.made.push(Number(told.etag.slice(1, told.etag.indexOf('-'))))
        story.operations.push({ did: 'wrote', begin, end, expected, value: marker })
        known = told.etag
      } else if (told?.status === 412) {
        story.never.add(marker)
        // Whose turn was ended by the end of its owner, and is another's now, is not told what is there.
        const { context } = JSON.parse(told.body) as { context?: { missed: Message[] } }
        const saw = markersOf(context?.missed ?? []).at(-1) ?? story.values.get(told.etag)
        if (saw === undefined) continue
        note(story, told.etag, saw)
        story.operations.push({ did: 'refused', begin, end, expected, saw })
        known = told.etag
      } else if (told?.status === 409) {
        story.never.add(marker)
        busy++
        await pause(1)
      } else {
        story.operations.push({ did: 'lost', begin, end: Infinity, expected, value: marker })
        await pause(20)
      }
    }
  }
  const groups = Array.from({ length: WRITERS / WRITERS_EACH }, async (_, group) => {
    const writers = Array.from({ length: WRITERS_EACH }, (__, n) => group * WRITERS_EACH + n)
    while (left > 0) {
      left--
      const id = await create((path, body) => call(group * WRITERS_EACH, 'POST', path, body))
      const story = new Story(id)
      stories.push(story)
      await Promise.all(writers.map(writer => write(story, writer, OPERATIONS_EACH / WRITERS_EACH)))
    }
  })
  await Promise.all(groups)
  over = true
  await disturbing

  // What is on file is what was told, also after a last kill of everything.
  await restart()
  const seen = { wrote: 0, refused: 0, read: 0, lost: 0 }
  for (const story of stories) {
    const told = await call(0, 'GET', `/v1/contexts/${story.id}/messages`, null)
    expect(told?.status).toBe(200)
    const messages = JSON.parse(told?.body ?? '[]') as Message[]
    const final = markersOf(messages)
    judge(story, messages, final)
    const happened = story.operations.filter(({ did, value }) => did !== 'lost' || final.includes(value ?? ''))
    expect(checkHistory([...happened, { did: 'read', begin: performance.now(), end: Infinity, saw: final.at(-1) ?? '' }], ''), `${story.id}: ${JSON.stringify(happened)}`).toBe('linearizable')
    for (const { did } of story.operations) seen[did]++
  }
  for (const agent of agents) agent.destroy()
  console.log(JSON.stringify({ contexts: stories.length, ...seen, ...faults, seed: SEED }))
  expect(seen.wrote).toBeGreaterThan(OPERATIONS / 10)
  expect(seen.refused).toBeGreaterThan(OPERATIONS / 100)
  expect(faults.kills + faults.stops).toBeGreaterThan(0)
})

/** What needs no search: each acknowledged write is there once, refused ones are not, turns are whole, versions are told once, what was read is a beginning of what is there. */
function judge(story: Story, messages: readonly Message[], final: readonly string[]): void {
  const where = `${story.id}: ${JSON.stringify(final)}`
  expect(new Set(final).size, `written twice in ${where}`).toBe(final.length)
  for (const { did, value = '' } of story.operations) if (did === 'wrote') expect(final, `lost from ${where}`).toContain(value)
  for (const value of story.never) expect(final, `refused, and there in ${where}`).not.toContain(value)
  expect(new Set(story.made).size, `a version made twice in ${where}`).toBe(story.made.length)
  for (const read of story.reads) expect(read).toEqual(final.slice(0, read.length))
  for (const [place, { role, content }] of messages.entries()) if (role === 'assistant') expect(content).toBe(`re ${messages[place - 1]?.content ?? ''}`)
}

function note(story: Story, etag: string, value: string): void {
  const before = story.values.get(etag)
  if (before !== undefined && before !== value) throw new Error(`${story.id}: version ${etag} was told to end in ${before}, and in ${value}`)
  story.values.set(etag, value)
}

const markersOf = (messages: readonly Message[]): string[] => messages.filter(({ role }) => role === 'user').map(({ content }) => content)

async function create(post: (path: string, body: object) => Promise<Told | null>): Promise<string> {
  for (let tries = 0; tries < 500; tries++) {
    const told = await post('/v1/contexts', {})
    if (told?.status === 201) return (JSON.parse(told.body) as { id: string }).id
    await pause(20)
  }
  throw new Error('No context could be made.')
}

/** null = the connection broke: nobody knows. */
function ask({ port, agent, method, path, body, headers }: { readonly port: number, readonly agent: Agent | undefined, readonly method: string, readonly path: string, readonly body: object | null, readonly headers: Readonly<Record<string, string>> }): Promise<Told | null> {
  return new Promise(resolve => {
    const text = body === null ? '' : JSON.stringify(body)
    const sent = request({ host: '127.0.0.1', port, agent, method, path, headers: { authorization: `Bearer ${API_KEY}`, ...(text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }), ...headers } }, answer => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, etag: String(answer.headers['etag'] ?? ''), body: Buffer.concat(chunks).toString() }))
      answer.on('error', () => resolve(null))
    })
    sent.on('error', () => resolve(null))
    sent.end(text)
  })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch { /* Gone already, and replaced. */ }
}
