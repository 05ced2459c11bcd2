import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { Exchange, NO_HOOKS, UNKNOWN_USAGE, type ClientSink, type DialectId, type ResponseHead, type Snapshot, type StreamEvent, type Target } from '@headrace/contract'
import { DIALECTS } from './main.ts'
import { Rescue } from './rescue.ts'

type Event = Readonly<Record<string, unknown>> & { readonly type: string }

const WHOLE = 'The quick brown fóx jumps over it.'
const ARGUMENTS = '{"city":"Köln","days":3}'
const BODY = Buffer.from(JSON.stringify({ model: 'm', input: 'hello', stream: true, instructions: 'Be brief.', temperature: 0.5, metadata: { a: 'b' }, tools: [{ type: 'function', name: 'weather', parameters: { type: 'object' }, strict: false }] }))

const RESPONSE = {
  id: 'resp_abc', object: 'response', created_at: 1_700_000_000, status: 'in_progress', background: false, completed_at: null, error: null, incomplete_details: null, instructions: 'Be brief.',
  model: 'gpt-vendor-2026', output: [], parallel_tool_calls: true, temperature: 0.5, tool_choice: 'auto', tools: [], top_p: 1, usage: null, metadata: { a: 'b' }, something_new: { kept: [1] },
}
const BEGUN: readonly Event[] = [{ type: 'response.created', response: RESPONSE }, { type: 'response.in_progress', response: RESPONSE }]
const part = (text: string, annotations: readonly unknown[] = []): object => ({ type: 'output_text', text, annotations, logprobs: [] })
const citation = { type: 'url_citation', url: 'https://a.test', title: 'A', start_index: 0, end_index: 3 }

/** A message as the vendor streams it, with ids that look like nothing of ours. */
function message(index: number, text: string, extra: object = {}, annotations: readonly unknown[] = []): Event[] {
  const id = `msg_vendor${index}`
  const at = { item_id: id, output_index: index, content_index: 0 }
  const whole = { id, type: 'message', status: 'completed', role: 'assistant', ...extra }
  return [
    { type: 'response.output_item.added', output_index: index, item: { ...whole, status: 'in_progress', content: [] } }, { type: 'response.content_part.added', ...at, part: part('') },
    ...(text.match(/.{1,6}/gsu) ?? []).map(delta => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [], obfuscation: 'xyz' })),
    ...annotations.map((annotation, annotation_index) => ({ type: 'response.output_text.annotation.added', ...at, annotation_index, annotation })),
    { type: 'response.output_text.done', ...at, text, logprobs: [] }, { type: 'response.content_part.done', ...at, part: part(text, annotations) },
    { type: 'response.output_item.done', output_index: index, item: { ...whole, content: [part(text, annotations)] } },
  ]
}

function call(index: number): Event[] {
  const at = { item_id: `fc_vendor${index}`, output_index: index }
  const whole = { id: at.item_id, type: 'function_call', call_id: 'call_7', name: 'weather', status: 'completed', arguments: ARGUMENTS }
  return [
    { type: 'response.output_item.added', output_index: index, item: { ...whole, status: 'in_progress', arguments: '' } },
    ...(ARGUMENTS.match(/.{1,7}/gsu) ?? []).map(delta => ({ type: 'response.function_call_arguments.delta', ...at, delta, obfuscation: 'xyz' })),
    { type: 'response.function_call_arguments.done', ...at, name: 'weather', arguments: ARGUMENTS }, { type: 'response.output_item.done', output_index: index, item: whole },
  ]
}

const summary = (text: string): object => ({ type: 'summary_text', text })
const thoughtParts = (texts: readonly string[]): Event[] => texts.flatMap((text, summary_index) => {
  const at = { item_id: 'rs_vendor0', output_index: 0, summary_index }
  return [
    { type: 'response.reasoning_summary_part.added', ...at, part: summary('') }, { type: 'response.reasoning_summary_text.delta', ...at, delta: text },
    { type: 'response.reasoning_summary_text.done', ...at, text }, { type: 'response.reasoning_summary_part.done', ...at, part: summary(text) },
  ]
})
const thought = (texts: readonly string[]): Event[] => [
  { type: 'response.output_item.added', output_index: 0, item: { id: 'rs_vendor0', type: 'reasoning', summary: [] } }, ...thoughtParts(texts),
  { type: 'response.output_item.done', output_index: 0, item: { id: 'rs_vendor0', type: 'reasoning', encrypted_content: 'ZW5j', summary: texts.map(summary) } },
]
const plain = (text: string): object => ({ type: 'reasoning_text', text })
const plainThought = (text: string): Event[] => {
  const at = { item_id: 'rs_vendor0', output_index: 0, content_index: 0 }
  const item = { id: 'rs_vendor0', type: 'reasoning', summary: [], content: [] as object[], status: 'in_progress' }
  return [
    { type: 'response.output_item.added', output_index: 0, item }, { type: 'response.content_part.added', ...at, part: plain('') }, { type: 'response.reasoning_text.delta', ...at, delta: text },
    { type: 'response.reasoning_text.done', ...at, text }, { type: 'response.content_part.done', ...at, part: plain(text) },
    { type: 'response.output_item.done', output_index: 0, item: { ...item, content: [plain(text)], status: 'completed' } },
  ]
}
const search: Event[] = [
  { type: 'response.output_item.added', output_index: 0, item: { id: 'ws_1', type: 'web_search_call', status: 'in_progress', action: { type: 'search', query: 'fox' } } },
  { type: 'response.web_search_call.in_progress', item_id: 'ws_1', output_index: 0 }, { type: 'response.web_search_call.completed', item_id: 'ws_1', output_index: 0 },
  { type: 'response.output_item.done', output_index: 0, item: { id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'fox' } } },
]

/** Streams of the vendor without their last event. `lost`: cuts after so many events that nobody goes on from. */
const SHAPES: readonly { readonly shape: string, readonly events: readonly Event[], readonly calls: boolean, readonly lost: readonly number[] }[] = [
  { shape: 'a text', events: [...BEGUN, ...message(0, WHOLE, { phase: 'final_answer' })], calls: false, lost: [] },
  { shape: 'thoughts, and a text with a citation', events: [...BEGUN, ...thought(['Hm.', 'Yes.']), ...message(1, WHOLE, {}, [citation])], calls: false, lost: [] },
  { shape: 'thoughts told as they are, and a text', events: [...BEGUN, ...plainThought('Hm.'), ...message(1, WHOLE)], calls: false, lost: [] },
  { shape: 'a search of the vendor\'s, and a text', events: [...BEGUN, ...search, ...message(1, WHOLE)], calls: false, lost: [3, 4, 5] },
  { shape: 'a call', events: [...BEGUN, ...call(0)], calls: true, lost: [] },
  { shape: 'thoughts, and a call', events: [...BEGUN, ...thought(['Hm.']), ...call(1)], calls: true, lost: [] },
]

const frames = (events: readonly Event[]): string => events.map(({ type, ...rest }, number) => `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number, ...rest })}\n\n`).join('')
const latin1 = (text: string): string => Buffer.from(text).latin1Slice()

const target = { provider: 'p', model: 'second', dialect: 'openai-chat', answerHeaders: 'headrace-target: p/second\r\n', usageOption: true } as unknown as Target
const head: ResponseHead = { header: name => name === 'content-type' ? 'text/event-stream' : undefined }
const snapshot = { hooks: NO_HOOKS, policy: { logBodies: 'none' } } as unknown as Snapshot

class Client implements ClientSink {
  listener = null
  readonly closed = false
  bytes = ''
  ended = ''
  respond(): void {}
  begin(): void {}
  write(chunk: Buffer | string): boolean {
    this.bytes += typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    return true
  }
  end(): void { this.ended = 'end' }
  abort(): void { this.ended = 'abort' }
}

/** What a provider of this dialect streams for these events. */
function streamOf(dialect: DialectId, events: readonly StreamEvent[]): Buffer {
  const encoder = DIALECTS.translating[dialect].createEncoder(true, { requestId: 'r2', model: 'second', created: 1, includeUsage: true })
  return Buffer.from(events.map(event => encoder.event(event)).join(''), 'latin1')
}

function answerOf(calls: boolean, text: string): StreamEvent[] {
  const item = { choice: 0, item: 0 }
  const said: StreamEvent[] = calls
    ? [{ type: 'tool-start', ...item, id: 'call_new', name: 'weather' }, { type: 'tool-delta', ...item, text: ARGUMENTS }]
    : (text.match(/.{1,4}/gsu) ?? []).map(piece => ({ type: 'text-delta', ...item, text: piece }))
  return [
    { type: 'start', id: 'second_1', model: 'second', created: 1 }, ...said, ...(said.length === 0 ? [] : [{ type: 'item-end', ...item } as const]),
    { type: 'usage', usage: { ...UNKNOWN_USAGE, inputTokens: 20, outputTokens: 5 } }, { type: 'finish', choice: 0, reason: calls ? 'tool-calls' : 'stop', raw: calls ? 'tool_calls' : 'stop', sequence: '' }, { type: 'end' },
  ]
}

/** What the client has after a stream that broke off behind its first `count` events was gone on with over `dialect`; `again`: by a model that says all of it once more. */
function rescued(events: readonly Event[], count: number, calls: boolean, dialect: DialectId, again: boolean): { readonly way: string, readonly text: string } {
  const x = new Exchange('id-1', snapshot, 'openai-responses', 'chat', 1_700_000_000_000, 0)
  x.stream = true
  const rescue = new Rescue(DIALECTS, x, BODY)
  const sent = latin1(frames(events.slice(0, count)))
  const way = rescue.take(sent)
  if (way === 'lost') return { way, text: '' }
  if (way === 'close') return { way, text: sent + rescue.closing() }
  const said = events.slice(0, count).map(event => event.type === 'response.output_text.delta' ? event['delta'] as string : '').join('')
  const client = new Client()
  expect(rescue.request({ ...target, dialect }).ok).toBe(true)
  const answer = rescue.answer({ ...target, dialect }, client, 200, head)
  answer.take(streamOf(dialect, answerOf(calls, again ? WHOLE : WHOLE.slice(said.length))), false)
  expect([answer.streamError, answer.end(), client.ended]).toEqual([null, null, 'end'])
  return { way, text: sent + client.bytes }
}

const eventsOf = (text: string): Event[] => Buffer.from(text, 'latin1').toString('utf8').split('\n\n').filter(frame => frame.includes('data: {')).map(frame => JSON.parse(frame.slice(frame.indexOf('data: ') + 6)) as Event)

/** Numbers without a gap, every item and part announced before it grows and over before the end, and the end with all that was said. */
function checkOrder(events: readonly Event[]): void {
  expect(events.map(event => event['sequence_number'])).toEqual(events.map((_event, index) => index))
  const items: { id: unknown, parts: number, over: unknown }[] = []
  const last = events.at(-1)
  expect(last?.type).toBe('response.completed')
  for (const event of events) {
    const index = event['output_index'] as number
    if (event.type === 'response.output_item.added') {
      expect(index).toBe(items.length)
      items.push({ id: (event['item'] as Event)['id'], parts: 0, over: null })
    } else if (index !== undefined) {
      const item = items[index]
      if (item === undefined) throw new Error(`${event.type} of an item that has not begun`)
      expect([event.type, item.over]).toEqual([event.type, null])
      if ('item_id' in event) expect(event['item_id']).toBe(item.id)
      if (event.type.endsWith('_part.added')) expect(event['content_index'] ?? event['summary_index']).toBe(item.parts++)
      else if ('content_index' in event || 'summary_index' in event) expect(event['content_index'] ?? event['summary_index']).toBe(item.parts - 1)
      if (event.type === 'response.output_item.done') item.over = event['item']
    }
  }
  const { id, output, model, something_new } = (last as Event)['response'] as typeof RESPONSE // it was looked at above
  expect([id, model, something_new]).toEqual([RESPONSE.id, RESPONSE.model, RESPONSE.something_new])
  expect(output).toEqual(items.map(({ over }) => over))
}

describe.each(SHAPES)('a stream of Responses with $shape that breaks off behind any of its events', ({ events, calls, lost }) => {
  const cuts = Array.from({ length: events.length }, (_event, index) => index + 1)

  it.each(['openai-responses', 'openai-chat', 'anthropic-messages', 'google-gemini'] as const)('is gone on with by %s: nothing doubled or lost, as the vendor\'s SDK reads it', async dialect => {
    for (const [count, again] of cuts.flatMap(cut => [[cut, false], [cut, true]] as const)) {
      const { way, text } = rescued(events, count, calls, dialect, again)
      expect([count, way === 'lost']).toEqual([count, lost.includes(count)])
      if (way === 'lost') continue
      checkOrder(eventsOf(text))
      const openai = new OpenAI({ apiKey: 'none', fetch: () => Promise.resolve(new Response(Buffer.from(text, 'latin1'), { headers: { 'content-type': 'text/event-stream' } })) })
      const response = await openai.responses.stream({ model: 'm', input: 'hello' }).finalResponse()
      expect([count, response.status, response.id]).toEqual([count, 'completed', 'resp_abc'])
      if (!calls) expect([count, response.output_text]).toEqual([count, WHOLE])
      else expect(response.output.flatMap(item => item.type === 'function_call' ? [[item.name, item.arguments]] : [])).toEqual([['weather', ARGUMENTS]])
    }
  })
})

describe('a call of Responses that broke off', () => {
  const events = [...BEGUN, ...call(0)]

  it('and is made anew in another way ends in an error with the numbers that follow', () => {
    const x = new Exchange('id-1', snapshot, 'openai-responses', 'chat', 1_700_000_000_000, 0)
    const rescue = new Rescue(DIALECTS, x, BODY)
    const sent = latin1(frames(events.slice(0, 5)))
    expect([rescue.take(sent), rescue.request(target).ok]).toEqual(['continue', true])
    const client = new Client()
    const answer = rescue.answer(target, client, 200, head)
    const item = { choice: 0, item: 0 }
    answer.take(streamOf('openai-chat', [{ type: 'start', id: 'c', model: 'm', created: 1 }, { type: 'tool-start', ...item, id: 'x', name: 'weather' }, { type: 'tool-delta', ...item, text: '{"city":"Bonn"}' }]), false)
    const error = answer.streamError
    if (error === null) throw new Error('two calls were mixed')
    answer.breakOff(error)
    const told = eventsOf(sent + client.bytes)
    expect(told.map(event => event['sequence_number'])).toEqual(told.map((_event, index) => index))
    expect(told.slice(-2)).toMatchObject([{ type: 'error', code: 'upstream_truncated' }, { type: 'response.failed', response: { id: 'resp_abc', status: 'failed' } }])
    expect(client.bytes).not.toContain('Bonn')
  })
})

describe('a stream of Gemini that breaks off behind any of its events', () => {
  const request = Buffer.from(JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'hello' }] }], tools: [{ functionDeclarations: [{ name: 'weather', parameters: { type: 'OBJECT' } }] }] }))
  const chunk = (parts: readonly object[], extra: object = {}): string => `data: ${JSON.stringify({ candidates: [{ content: { parts, role: 'model' }, index: 0, ...extra }], modelVersion: 'gemini-vendor', responseId: 'r' })}\n\n`
  const call = { functionCall: { name: 'weather', args: JSON.parse(ARGUMENTS) as object } }

  /** What the client has in the end. */
  function whole(chunks: readonly string[], count: number, calls: boolean, dialect: DialectId): { readonly text: string, readonly calls: number, readonly finishes: number } {
    const x = new Exchange('id-1', snapshot, 'google-gemini', 'chat', 1_700_000_000_000, 0)
    Object.assign(x, { stream: true, model: 'm' })
    const rescue = new Rescue(DIALECTS, x, request)
    const sent = latin1(chunks.slice(0, count).join(''))
    const way = rescue.take(sent)
    let rest = ''
    if (way === 'close') rest = rescue.closing()
    else {
      expect(way).toBe('continue')
      const client = new Client()
      expect(rescue.request({ ...target, dialect }).ok).toBe(true)
      const answer = rescue.answer({ ...target, dialect }, client, 200, head)
      answer.take(streamOf(dialect, answerOf(calls, calls ? '' : WHOLE.slice(6 * count))), false)
      expect([answer.streamError, answer.end(), client.ended]).toEqual([null, null, 'end'])
      rest = client.bytes
    }
    const parts = eventsOf(sent + rest).flatMap(event => (event['candidates'] as { content: { parts: { text?: string, functionCall?: object }[] }, finishReason?: string }[]))
    return {
      text: parts.flatMap(({ content }) => content.parts.map(part => part.text ?? '')).join(''), calls: parts.flatMap(({ content }) => content.parts.filter(part => part.functionCall !== undefined)).length,
      finishes: parts.filter(({ finishReason }) => finishReason !== undefined).length,
    }
  }

  it.each(['openai-responses', 'openai-chat', 'anthropic-messages', 'google-gemini'] as const)('is gone on with by %s: no text, call or finish is told twice', dialect => {
    const texts = (WHOLE.match(/.{1,6}/gsu) ?? []).map(text => chunk([{ text }]))
    for (let count = 1; count <= texts.length; count++) expect([count, whole(texts, count, false, dialect)]).toEqual([count, { text: WHOLE, calls: 0, finishes: 1 }])
    const calling = [chunk([call]), chunk([{ text: '' }], { finishReason: 'STOP' })]
    for (const count of [1, 2]) expect([count, whole(calling, count, true, dialect)]).toEqual([count, { text: '', calls: 1, finishes: 1 }])
    const spoken = [chunk([{ text: 'Look. ' }, call])]
    expect(whole(spoken, 1, true, dialect)).toEqual({ text: 'Look. ', calls: 1, finishes: 1 })
  })
})

describe('a stream that nobody goes on from', () => {
  it.each<{ readonly why: string, readonly sent: string }>([
    { why: 'does not say what it is', sent: frames(message(0, WHOLE).slice(0, 4)) },
    { why: 'leaves out an item', sent: frames([...BEGUN, ...message(3, WHOLE).slice(0, 4)]) },
    { why: 'says an error', sent: frames([...BEGUN, { type: 'error', code: 'server_error', message: 'x' }]) },
    { why: 'refuses', sent: frames([...BEGUN, ...message(0, '').slice(0, 1), { type: 'response.refusal.delta', item_id: 'msg_vendor0', output_index: 0, content_index: 0, delta: 'No' }]) },
  ])('$why', ({ sent }) => {
    const x = new Exchange('id-1', snapshot, 'openai-responses', 'chat', 1_700_000_000_000, 0)
    expect(new Rescue(DIALECTS, x, BODY).take(latin1(sent))).toBe('lost')
  })

  it('is over: nothing is added to it', () => {
    const x = new Exchange('id-1', snapshot, 'openai-responses', 'chat', 1_700_000_000_000, 0)
    const rescue = new Rescue(DIALECTS, x, BODY)
    const events = [...BEGUN, ...message(0, WHOLE)]
    const completed = { type: 'response.completed', response: { ...RESPONSE, status: 'completed', output: [], usage: null } }
    expect([rescue.take(latin1(frames([...events, completed]))), rescue.closing()]).toEqual(['close', ''])
  })
})
