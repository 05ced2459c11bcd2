import { JsonView, RawJson, type Writable } from '@headrace/bytes'
import type { FilePart, Item, JsonText, Part, ReasoningItem, Source, ToolResultItem } from '@headrace/contract'
import { argumentsOfText } from '../neutral/custom-tools.ts'
import { InvalidRequest } from '../neutral/field-reader.ts'
import type { Notes } from '../neutral/notes.ts'
import { audioType, typeOfUrl } from './media.ts'

type Member = { readonly [name: string]: Writable }
type Content = { readonly role: 'user' | 'model', readonly parts: Writable[] }

export interface EncodedContents { readonly system: readonly Writable[], readonly contents: readonly Content[] }

export interface ContentsOptions {
  /** The client speaks this dialect, and its words are left as they are. */
  readonly own: boolean
  /** Signatures came apart from the calls that they sign (Chat Completions has them beside the message): they go to the next calls. */
  readonly loose: boolean
  /** The model refuses calls that are not signed. */
  readonly signed: boolean
}

const BEFORE = '(The conversation so far.)'
/** What stands for the signature of a call that another model made, or whose client kept none (https://ai.google.dev/gemini-api/docs/thought-signatures). */
const NO_SIGNATURE = 'skip_thought_signature_validator'

/** Items as `systemInstruction` and `contents`. Turns alternate, and the results of parallel calls stand in one turn. */
export function encodeContents(items: readonly Item[], options: ContentsOptions, notes: Notes): EncodedContents {
  const writer = new ContentsWriter(options, notes)
  for (const item of items) writer.add(item)
  return writer.end()
}

class ContentsWriter {
  readonly #options: ContentsOptions
  readonly #notes: Notes
  readonly #system: Writable[] = []
  readonly #contents: Content[] = []
  /** Names of called functions by the id of the call: an answer names its function again. */
  readonly #names = new Map<string, string>()
  /** Signatures that wait for what they sign. */
  #signatures: string[] = []

  constructor(options: ContentsOptions, notes: Notes) {
    this.#options = options
    this.#notes = notes
  }

  add(item: Item): void {
    const { own } = this.#options
    switch (item.type) {
      case 'tool-call':
        this.#names.set(item.id, item.name)
        return this.#model([{ functionCall: { id: item.id, name: item.name, args: new RawJson(item.custom === true ? argumentsOfText(item.input) : objectText(item.input)) }, thoughtSignature: this.#signatureOfCall() }])
      case 'tool-result': return this.#result(item)
      case 'reasoning': return this.#reasoning(item)
      case 'foreign': return this.#notes.drop('foreignItem')
      case 'message': {
        if (item.name !== '') this.#notes.drop('name')
        const parts = this.#parts(item.parts)
        if (item.role === 'user') return this.#user(parts)
        if (item.role === 'assistant') return this.#model(this.#options.loose ? parts : parts.map(part => this.#sign(part)))
        if (this.#contents.length > 0) this.#notes.approximate('systemPosition', 'moved to the front')
        this.#system.push(...item.parts.filter(part => part.type === 'text' && says(part.text, own)).map(part => ({ text: part.type === 'text' ? part.text : '' })))
      }
    }
  }

  end(): EncodedContents {
    this.#flush()
    const contents = this.#contents
    if (!this.#options.own && contents[0]?.role !== 'user') {
      // A conversation begins with the user there: with what the system says where nobody else speaks.
      this.#notes.approximate('systemPosition', 'a user message at the beginning')
      contents.unshift({ role: 'user', parts: contents.length === 0 && this.#system.length > 0 ? this.#system.splice(0) : [{ text: BEFORE }] })
    }
    return { system: this.#system, contents }
  }

  #user(parts: readonly Writable[]): void {
    this.#flush()
    this.#push('user', parts)
  }

  #model(parts: readonly Writable[]): void {
    this.#push('model', parts)
  }

  #push(role: Content['role'], parts: readonly Writable[]): void {
    if (parts.length === 0) return
    const last = this.#contents.at(-1)
    if (last?.role === role) last.parts.push(...parts)
    else this.#contents.push({ role, parts: [...parts] })
  }

  #reasoning({ text, opaque }: ReasoningItem): void {
    const signature = opaque?.dialect === 'google-gemini' ? opaque.data : ''
    if (signature === '' && !(this.#options.own && opaque === null)) return this.#notes.drop('thoughts')
    if (text !== '') return this.#model([{ text, thought: true, thoughtSignature: signature === '' ? undefined : signature }])
    this.#signatures.push(signature)
  }

  /** The first call of a turn must be signed; those beside it need not be. */
  #signatureOfCall(): string | undefined {
    const signature = this.#signatures.shift()
    if (signature !== undefined || this.#options.own || !this.#options.signed) return signature
    const last = this.#contents.at(-1)
    return last?.role === 'model' && last.parts.some(part => !(part instanceof RawJson) && 'functionCall' in (part as Member)) ? undefined : NO_SIGNATURE
  }

  #sign(part: Writable): Writable {
    if (part instanceof RawJson || this.#signatures.length === 0) return part
    return { ...part as Member, thoughtSignature: this.#signatures.shift() }
  }

  /** A signature at the end of a turn signs what was said before it; it comes back as it came in a stream. */
  #flush(): void {
    for (const signature of this.#signatures) this.#model([{ text: '', thoughtSignature: signature }])
    this.#signatures = []
  }

  /** Results stand before everything else in their turn. */
  #result(item: ToolResultItem): void {
    this.#flush()
    if (item.cache !== null) this.#notes.drop('cache')
    const texts = item.parts.filter(part => part.type === 'text')
    const media = item.parts.filter(part => part.type !== 'text')
    const name = this.#names.get(item.callId) ?? item.callId
    const response = { functionResponse: { id: item.callId, name, response: responseOf(texts.map(part => part.text).join('\n'), item.isError) } }
    if (media.length > 0) this.#notes.approximate('toolResultMedia', 'parts after the results')
    const last = this.#contents.at(-1)
    if (last?.role !== 'user') this.#contents.push({ role: 'user', parts: [response] })
    else {
      const at = last.parts.findIndex(part => part instanceof RawJson || !('functionResponse' in (part as Member)))
      last.parts.splice(at < 0 ? last.parts.length : at, 0, response)
    }
    this.#push('user', this.#parts(media))
  }

  #parts(parts: readonly Part[]): Writable[] {
    return parts.flatMap(part => this.#part(part))
  }

  #part(part: Part): Writable[] {
    const notes = this.#notes
    if ('cache' in part && part.cache !== null) notes.drop('cache')
    switch (part.type) {
      case 'text':
        if (part.citations !== null) notes.drop('citations')
        return says(part.text, this.#options.own) ? [{ text: part.text }] : []
      case 'refusal':
        notes.approximate('refusal', 'a text')
        return part.text.trim() === '' ? [] : [{ text: part.text }]
      case 'audio': return [{ inlineData: { mimeType: audioType(part.format), data: part.data } }]
      case 'image':
        if (part.detail !== '' && part.detail !== 'auto') notes.drop('imageDetail')
        return [encodeSource(part.source, 'image/jpeg', '', this.#options.own)]
      case 'file': return [encodeFile(part, this.#options.own, notes)]
      case 'foreign':
        if (part.dialect === 'google-gemini') return [new RawJson(part.raw)]
        notes.drop('foreignPart')
        return []
    }
  }
}

/** Texts of white space alone are left out: an empty one is refused there. */
const says = (text: string, own: boolean): boolean => own ? text !== '' : text.trim() !== ''

/** A JSON object's text; anything else a model may have written becomes one. */
function objectText(input: JsonText): JsonText {
  if (input.trim() === '') return '{}'
  return JsonView.parse(input)?.kind === 'object' ? input : `{"input":${JSON.stringify(input)}}`
}

/** A result is an object there; a text is wrapped as Google's own clients do. */
function responseOf(text: string, isError: boolean): Writable {
  const isObject = text.trimStart().startsWith('{') && JsonView.parse(text)?.kind === 'object'
  if (isError) return { error: isObject ? new RawJson(text) : text }
  return isObject ? new RawJson(text) : { output: text }
}

function encodeFile(part: FilePart, own: boolean, notes: Notes): Writable {
  if (part.settings.size > 0) notes.drop('fileSettings')
  return encodeSource(part.source, 'application/pdf', part.name, own)
}

/** `usual`: the type of a URL whose path does not tell it. */
function encodeSource(source: Source, usual: string, name: string, own: boolean): Writable {
  switch (source.kind) {
    case 'base64': return { inlineData: { mimeType: source.mediaType, data: source.data } }
    case 'url': return { fileData: { mimeType: typeOfUrl(source.url, usual), fileUri: source.url } }
    case 'text': return { text: name === '' ? source.text : `${name}\n\n${source.text}` }
    case 'file-id':
      if (!own) throw new InvalidRequest('A picture or a document is named by a file id of another provider: send its bytes or its URL.', 'messages')
      return { fileData: { mimeType: typeOfUrl(source.id, usual), fileUri: source.id } }
  }
}
