import { utf8AsLatin1, type JsonView } from '@headrace/bytes'
import type { Call, Result } from '@headrace/contract'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest } from '../neutral/field-reader.ts'
import { decodeRequest as decodeChat } from '../openai-chat/decode-request.ts'

/** Members that a conversation has in another way, or not at all. */
const OWN: ReadonlySet<string> = new Set(['prompt', 'suffix', 'echo', 'best_of', 'logprobs', 'messages'])

/** A legacy completion as a conversation of one turn: its prompt is what the user says. */
export function decodeRequest(body: Buffer): Result<Call> {
  const read = decodeBody(body, root => ({ conversation: conversationOf(root), unheld: ['best_of', 'logprobs'].filter(name => root.get(name).given) }))
  if (!read.ok) return read
  const call = decodeChat(Buffer.from(utf8AsLatin1(read.value.conversation), 'latin1'))
  return call.ok ? { ok: true, value: { ...call.value, unheld: [...call.value.unheld, ...read.value.unheld] } } : call
}

function conversationOf(root: JsonView): string {
  const without = (name: string): never => { throw new InvalidRequest(`The model's provider has conversations alone, which have no "${name}": leave it out, or name a model that has completions.`, name) }
  if (root.get('suffix').given && root.get('suffix').string !== '') without('suffix')
  if (root.get('echo').boolean === true) without('echo')
  const members = [...root.members()].filter(([name]) => !OWN.has(name)).map(([name, member]) => `${JSON.stringify(name)}:${member.raw},`)
  return `{${members.join('')}"messages":[{"role":"user","content":${promptOf(root.get('prompt'))}}]}`
}

function promptOf(prompt: JsonView): string {
  if (prompt.kind === 'string') return prompt.raw
  const [only, ...more] = prompt.elements()
  if (only?.kind === 'string' && more.length === 0) return only.raw
  if (only === undefined) throw new InvalidRequest('"prompt" must be a text.', 'prompt')
  throw new InvalidRequest('The model\'s provider has conversations alone: "prompt" must be one text, no list of texts or of tokens. Send each in a request of its own.', 'prompt')
}
