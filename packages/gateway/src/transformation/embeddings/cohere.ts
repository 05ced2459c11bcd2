import { RawJson, utf8AsLatin1, writeJson, type JsonView, type Writable } from '@headrace/bytes'
import {
  success,
  type EmbeddingCall, type ListEncoder, type EmbeddingEncoding, type ListFacts, type EmbeddingFormat, type EmbeddingInput, type EmbeddingPart, type EmbeddingTask, type ListTold, type Result, type TranslationNote,
} from '@headrace/contract'
import { readUsage } from '../cohere/read-usage.ts'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest, readCount, readText, splitDataUrl } from '../neutral/field-reader.ts'
import { asciiJson } from '../relay/ascii-json.ts'
import { approximatedField, droppedFields, partsOf } from './fields.ts'
import { foreignMembers, readInputs } from '../lists/read-inputs.ts'
import { VectorReader, type VectorPlace } from './vector-reader.ts'
import { toBase64 } from './write-vector.ts'

/** Documents where the client does not say: newer models must be told, and that is what most texts are. */
const INPUT_TYPES = Object.freeze({
  query: 'search_query', document: 'search_document', similarity: 'clustering', classification: 'classification', clustering: 'clustering', question: 'search_query', fact: 'search_query', code: 'search_query',
} as const satisfies Record<EmbeddingTask, string>)
const TASKS: Readonly<Record<string, EmbeddingTask>> = Object.freeze({ search_query: 'query', search_document: 'document', classification: 'classification', clustering: 'clustering' })
/** Tasks that have no name there, and what goes in their place. */
const NEAR: ReadonlySet<EmbeddingTask> = new Set(['similarity', 'question', 'fact', 'code'])
const KNOWN: ReadonlySet<string> = new Set(['model', 'texts', 'images', 'inputs', 'input_type', 'embedding_types', 'output_dimension', 'truncate'])
const PLACE: VectorPlace = Object.freeze({ path: ['embeddings', 'float'], member: null, told: rest => ({ usage: readUsage(rest), model: '' }) } satisfies VectorPlace)

/** `POST /v2/embed` of Cohere. */
export const cohereEmbeddings: EmbeddingFormat = Object.freeze({
  id: 'cohere-embed',
  decodeRequest: (body, { model }) => decodeBody(body, root => readRequest(root, model)),
  encodeRequest(call, target) {
    const inputs = writeInputs(call)
    if (!inputs.ok) return inputs
    const body = {
      model: new RawJson(target.modelJson), ...inputs.value, input_type: INPUT_TYPES[call.task ?? 'document'], embedding_types: ['float'],
      output_dimension: call.dimensions < 0 ? undefined : call.dimensions, truncate: call.truncate?.toUpperCase(),
    }
    const notes: TranslationNote[] = droppedFields(call, ['title', 'user'])
    if (call.task !== null && NEAR.has(call.task)) notes.push(approximatedField(call, 'task', INPUT_TYPES[call.task]))
    return success({ body: utf8AsLatin1(writeJson(body)), headers: '', notes })
  },
  createDecoder: call => new VectorReader(PLACE, call.inputs.length),
  createEncoder: facts => new CohereEncoder(facts),
} satisfies EmbeddingFormat)

/** Texts as such; what has parts, as `inputs`. */
function writeInputs(call: EmbeddingCall): Result<Readonly<Record<string, Writable>>> {
  const all: (readonly EmbeddingPart[])[] = []
  for (const input of call.inputs) {
    const parts = partsOf(call, input)
    if (!parts.ok) return parts
    all.push(parts.value)
  }
  const texts = all.map(([first, ...more]) => first?.type === 'text' && more.length === 0 ? first.text : null).filter(text => text !== null)
  if (texts.length === all.length) return success({ texts })
  return success({ inputs: all.map(parts => ({ content: parts.map(part => part.type === 'text' ? { type: 'text', text: part.text } : { type: 'image_url', image_url: { url: `data:${part.mediaType};base64,${part.data}` } }) })) })
}

function readRequest(root: JsonView, model: string): EmbeddingCall {
  const types = root.get('embedding_types').elements().map(type => type.string ?? '')
  const encodings = types.filter((type): type is EmbeddingEncoding => type === 'float' || type === 'base64')
  if (types.length > 0 && encodings.length === 0) throw new InvalidRequest('The model\'s provider makes embeddings of float numbers: name "float" or "base64" in "embedding_types".', 'embedding_types')
  const truncate = readText(root.get('truncate'), 'truncate').toLowerCase()
  if (truncate !== '' && truncate !== 'none' && truncate !== 'start' && truncate !== 'end') throw new InvalidRequest('"truncate" must be NONE, START or END.', 'truncate')
  return {
    format: 'cohere-embed', model, inputs: readAll(root), dimensions: readCount(root.get('output_dimension'), 'output_dimension'), task: TASKS[readText(root.get('input_type'), 'input_type')] ?? null,
    title: '', truncate: truncate === '' ? null : truncate, user: '', encodings: types.length === 0 ? ['float'] : [...new Set(encodings)], single: false,
    foreign: [...foreignMembers(root, KNOWN), ...(encodings.length < types.length ? ['embedding_types'] : [])],
  }
}

function readAll(root: JsonView): EmbeddingInput[] {
  if (root.get('texts').given) return readInputs(root.get('texts'), 'texts', false)
  if (root.get('images').given) return root.get('images').elements().map(image => ({ type: 'parts', parts: [imageOf(image, 'images')] }))
  const inputs = root.get('inputs').elements()
  if (inputs.length === 0) throw new InvalidRequest('"texts" must be a list of texts, and not empty.', 'texts')
  return inputs.map(input => ({
    type: 'parts', parts: input.get('content').elements().map(part => part.get('type').string === 'image_url' ? imageOf(part.get('image_url').get('url'), 'inputs') : { type: 'text', text: readText(part.get('text'), 'inputs') }),
  }))
}

function imageOf(view: JsonView, param: string): EmbeddingPart {
  const image = splitDataUrl(view.string ?? '')
  if (image === null) throw new InvalidRequest(`"${param}" must hold images as data URLs in base64.`, param)
  return { type: 'image', ...image }
}

/** Answers by type: the first goes out as it comes, another is held until the end. */
class CohereEncoder implements ListEncoder {
  readonly #facts: ListFacts<EmbeddingCall>
  readonly #encodings: readonly EmbeddingEncoding[]
  #second = ''
  #count = 0

  constructor(facts: ListFacts<EmbeddingCall>) {
    this.#facts = facts
    this.#encodings = facts.call.encodings
  }

  element(vector: string): string {
    const [first = 'float', second] = this.#encodings
    const separator = this.#count++ === 0 ? '' : ','
    if (second !== undefined) this.#second += separator + written(vector, second)
    return (separator === '' ? `{"id":${asciiJson(this.#facts.requestId)},"embeddings":{"${first}":[` : separator) + written(vector, first)
  }

  end({ usage }: ListTold): string {
    const [, second] = this.#encodings
    const texts = this.#facts.call.inputs.map(input => input.type === 'text' ? input.text : null).filter(text => text !== null)
    const told = { api_version: { version: '2' }, ...(usage.inputTokens < 0 ? {} : { billed_units: { input_tokens: usage.inputTokens } }) }
    return `]${second === undefined ? '' : `,"${second}":[${this.#second}]`}},"texts":${utf8AsLatin1(JSON.stringify(texts))},"meta":${asciiJson(told)},"response_type":"embeddings_by_type"}`
  }
}

const written = (vector: string, encoding: EmbeddingEncoding): string => encoding === 'base64' ? `"${toBase64(vector)}"` : vector
