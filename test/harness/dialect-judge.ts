/** The wire that a client speaks. */
export type ClientWire = 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'google-gemini'

/**
 * How an answer ended. `whole`: with everything that its dialect ends an answer with; `refused`: an error in the client's dialect instead of an answer; `told`: an answer
 * that broke off, with the dialect's error event; `cut`: the connection broke off, which no client takes for an end; `wrong`: anything else, which is always a bug.
 */
export type Ending = 'whole' | 'refused' | 'told' | 'cut' | 'wrong'

/** How answers are read on each wire. */
const READERS = {
  'openai-chat': { json: judgeCompletion, stream: judgeChatStream },
  'openai-responses': { json: judgeResponse, stream: judgeResponseStream },
  'anthropic-messages': { json: judgeMessage, stream: judgeMessageStream },
  'google-gemini': { json: judgeContent, stream: judgeContentStream },
} as const satisfies Record<ClientWire, { readonly json: (body: never) => Verdict, readonly stream: (raw: string, complete: boolean) => Verdict }>

/** What a client makes of an answer. */
export interface Verdict {
  readonly ending: Ending
  /** What the engine said, or the tool's argument. */
  readonly text: string
  /** Output tokens by its usage; -1 = not told. */
  readonly tokens: number
  /** The error's code or type; of a `wrong` one what is wrong with it. */
  readonly why: string
}
const verdict = (ending: Ending, why: string, text = '', tokens = -1): Verdict => ({ ending, why, text, tokens })

/** What a strict client of the wire makes of the bytes. `complete`: the framing ended as it said. */
export function judge(wire: ClientWire, stream: boolean, status: number, complete: boolean, raw: string): Verdict {
  if (status === 0) return verdict('cut', 'no answer')
  try {
    if (status !== 200 || !stream) return judgeJson(wire, status, complete, raw)
    return READERS[wire].stream(raw, complete)
  } catch (error) {
    return verdict('wrong', `not to be read: ${String(error)}`)
  }
}

interface ChatError { readonly error: { readonly message: string, readonly type: string, readonly code: string | null } }
interface GoogleError { readonly error: { readonly code: number, readonly message: string, readonly status: string } }
interface MessageError { readonly type: 'error', readonly error: { readonly type: string, readonly message: string } }

/** The error's name where the body is an error of the dialect; null = it is something else. */
function errorName(wire: ClientWire, body: unknown): string | null {
  if (wire === 'google-gemini') {
    const { error } = body as Partial<GoogleError>
    return typeof error === 'object' && error !== null && typeof error.code === 'number' && typeof error.message === 'string' && typeof error.status === 'string' ? error.status : null
  }
  const { type, error } = body as Partial<MessageError & ChatError>
  if (typeof error !== 'object' || error === null || typeof error.message !== 'string' || typeof error.type !== 'string') return null
  if (wire === 'anthropic-messages') return type === 'error' ? error.type : null
  return typeof error.code === 'string' ? error.code : error.type
}

function judgeJson(wire: ClientWire, status: number, complete: boolean, raw: string): Verdict {
  if (!complete) return verdict('cut', `status ${status}`)
  const body: unknown = JSON.parse(raw)
  if (status !== 200) {
    const name = errorName(wire, body)
    return name === null ? verdict('wrong', 'an error of another dialect') : verdict('refused', name)
  }
  return READERS[wire].json(body as never)
}

interface ToolCallPart { readonly function?: { readonly arguments?: string } }
interface Completion {
  readonly choices?: readonly { readonly message: { readonly content: string | null, readonly tool_calls?: readonly ToolCallPart[] }, readonly finish_reason: string | null }[]
  readonly usage?: { readonly completion_tokens: number }
}

function judgeCompletion({ choices, usage }: Completion): Verdict {
  const choice = choices?.[0]
  if (choice === undefined || typeof choice.finish_reason !== 'string') return verdict('wrong', 'no finish reason')
  const call = choice.message.tool_calls?.[0]
  return verdict('whole', '', call === undefined ? choice.message.content ?? '' : wordsOf(call.function?.arguments ?? ''), usage?.completion_tokens)
}

interface Message {
  readonly type?: string
  readonly stop_reason?: string | null
  readonly content?: readonly { readonly type: string, readonly text?: string, readonly input?: unknown }[]
  readonly usage?: { readonly output_tokens: number }
}

function judgeMessage({ type, stop_reason: reason, content = [], usage }: Message): Verdict {
  if (type !== 'message' || typeof reason !== 'string') return verdict('wrong', 'no stop reason')
  const call = content.find(part => part.type === 'tool_use')
  return verdict('whole', '', call === undefined ? content.map(part => part.text ?? '').join('') : wordsOf(JSON.stringify(call.input)), usage?.output_tokens)
}

const wordsOf = (json: string): string => (JSON.parse(json) as { words: string }).words

/** The data of each event; an event that the stream ended within is left out, as clients do. */
const eventsOf = (raw: string): string[] => raw.split(/\r?\n\r?\n/).slice(0, -1).flatMap(event => event.split('\n').filter(line => line.startsWith('data:')).map(line => line.slice(5).trim()))

interface ChatChunk extends Partial<ChatError> {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null, readonly tool_calls?: readonly ToolCallPart[] }, readonly finish_reason?: string | null }[]
  readonly usage?: { readonly completion_tokens: number } | null
}

function judgeChatStream(raw: string, complete: boolean): Verdict {
  const events = eventsOf(raw)
  const done = events.indexOf('[DONE]')
  if (done !== -1 && done !== events.length - 1) return verdict('wrong', 'something follows [DONE]')
  let text = '', words = '', finish: string | null = null, tokens = -1
  for (const event of done === -1 ? events : events.slice(0, -1)) {
    const chunk = JSON.parse(event) as ChatChunk
    if (chunk.error !== undefined) {
      const name = errorName('openai-chat', chunk)
      if (name === null) return verdict('wrong', 'an error event of another dialect')
      return verdict(event === events.at(-1) || done !== -1 ? 'told' : 'wrong', name, text)
    }
    text += chunk.choices?.[0]?.delta?.content ?? ''
    words += chunk.choices?.[0]?.delta?.tool_calls?.[0]?.function?.arguments ?? ''
    finish = chunk.choices?.[0]?.finish_reason ?? finish
    tokens = chunk.usage?.completion_tokens ?? tokens
  }
  if (done === -1) return verdict(complete ? 'wrong' : 'cut', 'the stream ends without [DONE]', text)
  if (finish === null) return verdict('wrong', '[DONE] without a finish reason', text)
  return verdict(complete ? 'whole' : 'wrong', complete ? '' : 'broken off after [DONE]', words === '' ? text : wordsOf(words), tokens)
}

interface MessageStreamEvent extends Partial<Omit<MessageError, 'type'>> {
  readonly type: string
  readonly delta?: { readonly text?: string, readonly partial_json?: string, readonly stop_reason?: string | null }
  readonly usage?: { readonly output_tokens?: number }
}

function judgeMessageStream(raw: string, complete: boolean): Verdict {
  const events = eventsOf(raw).map(event => JSON.parse(event) as MessageStreamEvent)
  let text = '', words = '', reason: string | null = null, tokens = -1
  for (const [index, event] of events.entries()) {
    if (event.type === 'error') return verdict(index === events.length - 1 && errorName('anthropic-messages', event) !== null ? 'told' : 'wrong', event.error?.type ?? 'an error event of another dialect', text)
    text += event.delta?.text ?? ''
    words += event.delta?.partial_json ?? ''
    reason = event.delta?.stop_reason ?? reason
    tokens = event.usage?.output_tokens ?? tokens
  }
  if (events.at(-1)?.type !== 'message_stop') return verdict(complete ? 'wrong' : 'cut', 'the stream ends without message_stop', text)
  if (reason === null) return verdict('wrong', 'message_stop without a stop reason', text)
  return verdict(complete ? 'whole' : 'wrong', complete ? '' : 'broken off after message_stop', words === '' ? text : wordsOf(words), tokens)
}

interface ResponseObject {
  readonly status?: string
  readonly output?: readonly { readonly type: string, readonly content?: readonly { readonly text?: string }[], readonly arguments?: string }[]
  readonly usage?: { readonly output_tokens: number } | null
  readonly error?: { readonly code: string } | null
}

function judgeResponse({ status, output = [], usage, error }: ResponseObject): Verdict {
  if (status === 'failed' && typeof error?.code === 'string') return verdict('told', error.code)
  if (status !== 'completed' && status !== 'incomplete') return verdict('wrong', `status ${status}`)
  const call = output.find(({ type }) => type === 'function_call')
  return verdict('whole', '', call === undefined ? output.flatMap(({ content = [] }) => content.map(({ text = '' }) => text)).join('') : wordsOf(call.arguments ?? ''), usage?.output_tokens)
}

interface ResponseEvent { readonly type: string, readonly sequence_number?: number, readonly delta?: string, readonly response?: ResponseObject, readonly code?: string | null }

/** Terminal events end the stream, every event is numbered, and what was said piece by piece is what the whole says. */
function judgeResponseStream(raw: string, complete: boolean): Verdict {
  const told = eventsOf(raw)
  // Some end with it, the vendor does not.
  const events = (told.at(-1) === '[DONE]' ? told.slice(0, -1) : told).map(event => JSON.parse(event) as ResponseEvent)
  let text = ''
  for (const [index, event] of events.entries()) {
    if (event.sequence_number !== index) return verdict('wrong', `event ${index} has the number ${event.sequence_number}`, text)
    const last = index === events.length - 1
    switch (event.type) {
      case 'response.output_text.delta': case 'response.function_call_arguments.delta':
        text += event.delta ?? ''
        break
      case 'error':
        if (!last && events[index + 1]?.type === 'response.failed') break
        return verdict(last ? 'told' : 'wrong', String(event.code), text)
      case 'response.failed': return verdict(last ? 'told' : 'wrong', String(event.response?.error?.code), text)
      case 'response.completed': case 'response.incomplete': {
        const whole = judgeResponse(event.response ?? {})
        if (!last || !complete) return verdict('wrong', last ? 'broken off after the terminal event' : 'something follows the terminal event', text)
        const said = event.response?.output?.some(({ type }) => type === 'function_call') === true ? wordsOf(text) : text
        return said === whole.text ? whole : verdict('wrong', `the events said ${JSON.stringify(said)}, the end ${JSON.stringify(whole.text)}`, text)
      }
    }
  }
  return verdict(complete ? 'wrong' : 'cut', 'the stream ends without a terminal event', text)
}

interface Content extends Partial<GoogleError> {
  readonly candidates?: readonly { readonly content?: { readonly parts?: readonly { readonly text?: string, readonly functionCall?: { readonly args?: unknown } }[] }, readonly finishReason?: string }[]
  readonly usageMetadata?: { readonly candidatesTokenCount?: number }
}

const saidIn = ({ candidates }: Content): string => (candidates?.[0]?.content?.parts ?? []).map(({ text = '', functionCall }) => functionCall === undefined ? text : wordsOf(JSON.stringify(functionCall.args))).join('')

function judgeContent(body: Content): Verdict {
  if (typeof body.candidates?.[0]?.finishReason !== 'string') return verdict('wrong', 'no finish reason')
  return verdict('whole', '', saidIn(body), body.usageMetadata?.candidatesTokenCount)
}

/** There is no terminator: a stream is whole when its framing is and a reason was given. */
function judgeContentStream(raw: string, complete: boolean): Verdict {
  const events = eventsOf(raw).map(event => JSON.parse(event) as Content)
  let text = '', reason: string | undefined, tokens = -1
  for (const [index, event] of events.entries()) {
    if (event.error !== undefined) {
      const name = errorName('google-gemini', event)
      return verdict(name !== null && index === events.length - 1 ? 'told' : 'wrong', name ?? 'an error event of another dialect', text)
    }
    text += saidIn(event)
    reason = event.candidates?.[0]?.finishReason ?? reason
    tokens = event.usageMetadata?.candidatesTokenCount ?? tokens
  }
  if (!complete) return verdict('cut', 'the stream breaks off', text)
  return reason === undefined ? verdict('wrong', 'the stream ends without a finish reason', text) : verdict('whole', '', text, tokens)
}
