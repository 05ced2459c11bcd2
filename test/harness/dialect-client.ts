import { Agent, request } from 'node:http'
import { judge, type ClientWire, type Verdict } from './dialect-judge.ts'

/** How requests are made on each wire. */
const WIRES = {
  'openai-chat': { path: () => '/v1/chat/completions', headers: {}, request: chatRequest },
  'openai-responses': { path: () => '/v1/responses', headers: {}, request: responsesRequest },
  'anthropic-messages': { path: () => '/v1/messages', headers: { 'anthropic-version': '2023-06-01' }, request: messagesRequest },
  'google-gemini': { path: ({ model, stream }) => `/v1beta/models/${encodeURIComponent(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`, headers: {}, request: contentRequest },
} as const satisfies Record<ClientWire, { readonly path: (question: Question) => string, readonly headers: Readonly<Record<string, string>>, readonly request: (question: Question) => object }>

export interface Question {
  readonly wire: ClientWire
  readonly model: string
  readonly prompt: string
  readonly stream: boolean
  /** The engine is to call a tool with this text as its argument, instead of saying it. */
  readonly tool?: boolean
  /** Output tokens that the client allows. Left out: as many as it takes. */
  readonly allow?: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answered extends Verdict {
  readonly status: number
  readonly raw: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** When it was sent and was over, ms of `performance.now()`. */
  readonly sentAt: number
  readonly endedAt: number
}

const TOOL = 'save_words'

/** Clients of every wire on kept connections, who read answers as strictly as their dialect allows. */
export class DialectClient {
  readonly #port: () => number
  readonly #key: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 64 })
  /** Connections are opened and left alternately, so that all workers get some. */
  readonly #once = new Agent({ keepAlive: false })
  #turn = 0

  constructor(port: () => number, key: string) {
    this.#port = port
    this.#key = key
  }

  /** Never rejects. `signal`: the client leaves. */
  ask(question: Question, signal?: AbortSignal): Promise<Answered> {
    const { wire, stream, headers = {} } = question
    const body = JSON.stringify(WIRES[wire].request(question))
    const sentAt = performance.now()
    return new Promise(resolve => {
      let raw = ''
      const end = (status: number, complete: boolean, seen: Answered['headers']): void => {
        resolve({ ...judge(wire, stream, status, complete, raw), status, raw, headers: seen, sentAt, endedAt: performance.now() })
      }
      const call = request({
        agent: this.#turn++ % 4 === 0 ? this.#once : this.#agent, host: '127.0.0.1', port: this.#port(), method: 'POST', path: WIRES[wire].path(question),
        headers: { 'authorization': `Bearer ${this.#key}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...WIRES[wire].headers, ...headers },
        ...signal === undefined ? {} : { signal },
      }, answer => {
        answer.setEncoding('utf8')
        answer.on('data', (text: string) => { raw += text })
        answer.on('error', () => undefined)
        answer.on('close', () => end(answer.statusCode ?? 0, answer.complete, answer.headers))
      })
      call.on('error', () => end(0, false, {}))
      call.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
    this.#once.destroy()
  }
}

/** The tool takes exactly these words: an engine that calls it has to send them. */
const toolSchema = (words: string): object => ({ type: 'object', properties: { words: { type: 'string', enum: [words] } }, required: ['words'], additionalProperties: false })

function chatRequest({ model, prompt, stream, allow, tool = false }: Question): object {
  return {
    model, ...allow === undefined ? {} : { max_completion_tokens: allow }, messages: [{ role: 'user', content: tool ? `Use ${TOOL}.` : prompt }], ...stream ? { stream, stream_options: { include_usage: true } } : {},
    ...tool ? { tools: [{ type: 'function', function: { name: TOOL, parameters: toolSchema(prompt) } }], tool_choice: { type: 'function', function: { name: TOOL } } } : {},
  }
}

function messagesRequest({ model, prompt, stream, allow = 4_000, tool = false }: Question): object {
  return {
    model, max_tokens: allow, messages: [{ role: 'user', content: tool ? `Use ${TOOL}.` : prompt }], stream,
    ...tool ? { tools: [{ name: TOOL, input_schema: toolSchema(prompt) }], tool_choice: { type: 'tool', name: TOOL } } : {},
  }
}

function responsesRequest({ model, prompt, stream, allow, tool = false }: Question): object {
  return {
    model, input: tool ? `Use ${TOOL}.` : prompt, stream, ...allow === undefined ? {} : { max_output_tokens: allow },
    ...tool ? { tools: [{ type: 'function', name: TOOL, parameters: toolSchema(prompt), strict: false }], tool_choice: { type: 'function', name: TOOL } } : {},
  }
}

function contentRequest({ prompt, allow, tool = false }: Question): object {
  return {
    contents: [{ role: 'user', parts: [{ text: tool ? `Use ${TOOL}.` : prompt }] }], ...allow === undefined ? {} : { generationConfig: { maxOutputTokens: allow } },
    ...tool ? { tools: [{ functionDeclarations: [{ name: TOOL, parametersJsonSchema: toolSchema(prompt) }] }], toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [TOOL] } } } : {},
  }
}
