import type { JsonView } from '@headrace/bytes'
import type { Item, MessageItem, Opaque, Part } from '@headrace/contract'
import { InvalidRequest, needText, noteUnheld, readList, readRaw, readText } from '../neutral/field-reader.ts'
import { untagOpaque } from '../neutral/opaque-tag.ts'
import { asObject, parseJson } from '../relay/json-value.ts'
import { decodeMedia } from './media.ts'
import { member } from './members.ts'

const HELD: ReadonlySet<string> = new Set([
  'text', 'thought', 'thoughtSignature', 'thought_signature', 'functionCall', 'function_call', 'functionResponse', 'function_response', 'inlineData', 'inline_data', 'fileData', 'file_data',
])
const CALL: ReadonlySet<string> = new Set(['id', 'name', 'args'])
const RESPONSE: ReadonlySet<string> = new Set(['id', 'name', 'response', 'parts'])

/** Reads the turns of a conversation. One instance per request. */
export class ContentsReader {
  readonly #unheld: Set<string>
  readonly items: Item[] = []
  /** Ids of calls that have no answer yet, by name: answers without an id go to the oldest one. */
  readonly #open = new Map<string, string[]>()
  #calls = 0

  constructor(unheld: Set<string>) {
    this.#unheld = unheld
  }

  read(view: JsonView, path: string): void {
    const role = readText(view.get('role'), `${path}.role`)
    // Who answers functions is called `function` by older clients; a turn without a role is the user's.
    if (role !== '' && role !== 'user' && role !== 'model' && role !== 'function') throw new InvalidRequest(`"${path}.role" must be "user" or "model".`, `${path}.role`)
    const parts: Part[] = []
    const close = (): void => {
      if (parts.length > 0) this.items.push({ type: 'message', role: role === 'model' ? 'assistant' : 'user', name: '', parts: parts.splice(0) } satisfies MessageItem)
    }
    for (const [index, part] of readList(view.get('parts'), `${path}.parts`).entries()) {
      const signature = signatureOf(part)
      if (signature !== null || isItem(part)) close()
      // A signature stands before what it signs; what was thought tells its own.
      if (signature !== null && part.get('thought').boolean !== true) this.#think('', signature)
      const items = this.#item(part, `${path}.parts[${index}]`)
      if (items === null) parts.push(...decodePart(part, `${path}.parts[${index}]`))
      else this.items.push(...items)
    }
    close()
  }

  /** A part that is an item of its own; null = a part of a message. */
  #item(view: JsonView, path: string): readonly Item[] | null {
    noteUnheld(view, HELD, 'contents[].parts[]', this.#unheld)
    const call = member(view, 'functionCall')
    const response = member(view, 'functionResponse')
    if (isThought(view)) {
      this.#think(readText(view.get('text'), `${path}.text`), signatureOf(view))
      return []
    }
    if (call.given) return [this.#call(call, `${path}.functionCall`)]
    return response.given ? [this.#response(response, `${path}.functionResponse`)] : null
  }

  /** Pieces of what was thought, as they came in a stream, are one thought until a signature ends it. */
  #think(text: string, opaque: Opaque | null): void {
    const last = this.items.at(-1)
    if (last?.type === 'reasoning' && last.opaque === null && text + last.text !== '') this.items[this.items.length - 1] = { type: 'reasoning', text: last.text + text, opaque }
    else if (text !== '' || opaque !== null) this.items.push({ type: 'reasoning', text, opaque })
  }

  #call(view: JsonView, path: string): Item {
    noteUnheld(view, CALL, 'contents[].parts[].functionCall', this.#unheld)
    const name = needText(view.get('name'), `${path}.name`)
    const id = readText(view.get('id'), `${path}.id`) || `call_${this.#calls}`
    this.#calls++
    const open = this.#open.get(name)
    if (open === undefined) this.#open.set(name, [id])
    else open.push(id)
    return { type: 'tool-call', id, name, input: readRaw(view.get('args')) ?? '{}', cache: null }
  }

  #response(view: JsonView, path: string): Item {
    noteUnheld(view, RESPONSE, 'contents[].parts[].functionResponse', this.#unheld)
    const name = needText(view.get('name'), `${path}.name`)
    const said = readText(view.get('id'), `${path}.id`)
    const open = this.#open.get(name) ?? []
    const at = said === '' ? 0 : open.indexOf(said)
    const callId = said || (open[0] ?? name)
    if (at >= 0) open.splice(at, 1)
    const { text, isError } = resultOf(readRaw(view.get('response')) ?? '{}', name)
    const media = readList(view.get('parts'), `${path}.parts`).flatMap((part, index) => decodePart(part, `${path}.parts[${index}]`))
    return { type: 'tool-result', callId, parts: [{ type: 'text', text, cache: null, citations: null }, ...media], isError, cache: null }
  }
}

const isThought = (view: JsonView): boolean => view.get('thought').boolean === true && view.get('text').kind !== 'absent'

/** What stands for itself, and for no part of a message. */
const isItem = (view: JsonView): boolean => isThought(view) || member(view, 'functionCall').given || member(view, 'functionResponse').given

/** `{"output": text}` and `{"error": text}` are how Google's own clients wrap what is no object; Vercel's says `{"name": function, "content": text}`. */
function resultOf(raw: string, name: string): { readonly text: string, readonly isError: boolean } {
  const value = asObject(parseJson(raw)) ?? {}
  const names = Object.keys(value)
  const only = names.length === 1 ? names[0] : undefined
  const held = only === undefined ? undefined : value[only]
  if (only === 'output' && typeof held === 'string') return { text: held, isError: false }
  if (only === 'error') return { text: typeof held === 'string' ? held : JSON.stringify(held), isError: true }
  const { name: repeated, content } = value
  if (names.length === 2 && repeated === name && typeof content === 'string') return { text: content, isError: false }
  return { text: raw, isError: false }
}

function signatureOf(view: JsonView): Opaque | null {
  const data = member(view, 'thoughtSignature').string ?? ''
  return data === '' ? null : untagOpaque('google-gemini', 'signature', data)
}

/** The parts of a message that a part stands for; an empty text is none. */
export function decodePart(view: JsonView, path: string): readonly Part[] {
  const text = view.get('text')
  if (text.given) {
    const words = needText(text, `${path}.text`)
    return words === '' ? [] : [{ type: 'text', text: words, cache: null, citations: null }]
  }
  const media = member(view, 'inlineData').given || member(view, 'fileData').given ? decodeMedia(view, path) : null
  if (media !== null) return [media]
  const kind = [...view.members().keys()].find(name => name !== 'thought' && name !== 'thoughtSignature') ?? ''
  return kind === '' ? [] : [{ type: 'foreign', dialect: 'google-gemini', kind, raw: view.raw }]
}
