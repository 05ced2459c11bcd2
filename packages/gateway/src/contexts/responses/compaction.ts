import { JsonView } from '@headrace/bytes'
import { failure, gatewayError, success, type ClientListener, type ClientSink, type GatewayError } from '@headrace/contract'
import { isResponseId, itemId, newKey, responseId } from './response-ids.ts'
import { inputItems, shownItem, type ItemText } from './response-items.ts'
import { printable } from './response-request.ts'
import { COMPACTION_SEAL } from './seal.ts'
import type { StateHandler, StateRequest } from './state-request.ts'

/** What is asked last, behind the whole conversation. */
const WANTED = 'Write a summary of the conversation up to here for whoever goes on with it and sees nothing else of it but the user\'s own messages: what is wanted, what was found out and decided, '
  + 'facts, names, numbers and results of tools word for word where they matter, and what is still to be done. Write nothing but the summary.'
/** Bytes of an answer that are read for a summary. */
const MOST_SUMMARY = 4 * 2 ** 20
const CARRIED = ['model', 'instructions', 'prompt_cache_key'] as const

/** `POST /v1/responses/compact`: a window to go on with in the place of a conversation: what the user said, and the model's own summary of all. Any model reads it. */
export const compactResponse: StateHandler = async asked => {
  const { body, ask, sink } = asked
  const previous = body.get('previous_response_id')
  const key = newKey()
  const input = inputItems(body.get('input'), key)
  if (!input.ok) return input
  const before = previous.given ? await itemsBefore(asked, previous.string ?? '') : []
  if ('kind' in before) return failure(before)
  const users = [...before, ...input.value].filter(isUser)
  const members = [...CARRIED, 'previous_response_id'].flatMap(name => body.get(name).given ? [`"${name}":${body.get(name).raw},`] : [])
  const question = `{"role":"user","content":${JSON.stringify(WANTED)}}`
  ask(`{${members.join('')}"store":false,"input":[${[...input.value.map(shownItem), question].join()}]}`, new CompactionSink(sink, key, users, asked.tell))
  return success(null)
}

async function itemsBefore({ owner, tenant }: StateRequest, id: string): Promise<readonly ItemText[] | GatewayError> {
  const reading = isResponseId(id) ? await owner.read(tenant, id, null) : null
  return reading?.state.kind === 'response' ? reading.items.map(({ bytes }) => bytes.latin1Slice())
    : gatewayError('invalid-request', `Previous response with id '${printable(id)}' not found.`, { param: 'previous_response_id' })
}

function isUser(item: ItemText): boolean {
  const view = JsonView.parse(item)
  return view?.get('type').string === 'message' && view.get('role').string === 'user'
}

/** Gives the model's summary as a window. What is no whole answer passes as it is. */
class CompactionSink implements ClientSink {
  readonly #sink: ClientSink
  readonly #key: string
  readonly #users: readonly ItemText[]
  readonly #tell: (error: GatewayError) => void
  #begun: { readonly status: number, readonly headers: string } | null = null
  #parts = ''

  constructor(sink: ClientSink, key: string, users: readonly ItemText[], tell: (error: GatewayError) => void) {
    this.#sink = sink
    this.#key = key
    this.#users = users
    this.#tell = tell
  }

  get closed(): boolean {
    return this.#sink.closed
  }

  get listener(): ClientListener | null {
    return this.#sink.listener
  }

  set listener(listener: ClientListener | null) {
    this.#sink.listener = listener
  }

  respond(status: number, headers: string, body: Buffer | string): void {
    const text = typeof body === 'string' ? body : body.latin1Slice()
    if (status < 200 || status > 299) return this.#sink.respond(status, headers, text)
    const response = JsonView.parse(text)
    const summary = response?.get('status').string === 'completed' ? summaryOf(response) : ''
    if (summary === '' || response === null) return this.#tell(gatewayError('upstream-protocol', 'The model wrote no whole summary.'))
    const sealed = COMPACTION_SEAL + Buffer.from(summary, 'latin1').toString('base64url')
    const item = `{"id":"${itemId('compaction', this.#key, 0)}","type":"compaction","encrypted_content":"${sealed}"}`
    this.#sink.respond(status, headers, `{"id":"${responseId(this.#key)}","object":"response.compaction","created_at":${response.get('created_at').raw || '0'},"output":[${[...this.#users.map(shownItem), item].join()}],"usage":${response.get('usage').raw || 'null'}}`)
  }

  /** An answer too long to be held back by those before. */
  begin(status: number, headers: string): void {
    this.#begun = { status, headers }
  }

  write(chunk: Buffer | string): boolean {
    // What is cut here is no whole answer, and told so at its end.
    if (this.#parts.length <= MOST_SUMMARY) this.#parts += typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    return true
  }

  end(): void {
    if (this.#begun !== null) this.respond(this.#begun.status, this.#begun.headers, this.#parts)
  }

  abort(): void {
    this.#tell(gatewayError('upstream-truncated', 'The provider broke the summary off.'))
  }
}

/** Its texts; latin1. */
function summaryOf(response: JsonView): string {
  const texts = response.get('output').elements().filter(item => item.get('type').string === 'message').flatMap(item => item.get('content').elements()).map(part => part.get('text').raw)
  return texts.filter(raw => raw.startsWith('"')).map(raw => Buffer.from(JSON.parse(Buffer.from(raw, 'latin1').toString('utf8')) as string).latin1Slice()).join('\n')
}
