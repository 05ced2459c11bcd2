import { RawJson, utf8AsLatin1, writeJson, type JsonView, type Writable } from '@headrace/bytes'
import {
  success,
  type EmbeddingCall, type ListEncoder, type EmbeddingFormat, type EmbeddingInput, type EmbeddingPart, type EmbeddingTask, type ListTold, type Usage,
} from '@headrace/contract'
import { readUsage } from '../google-gemini/read-usage.ts'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest, readCount, readText } from '../neutral/field-reader.ts'
import { droppedFields, partsOf } from './fields.ts'
import { foreignMembers } from '../lists/read-inputs.ts'
import { VectorReader, type VectorPlace } from './vector-reader.ts'

/** Google's names of tasks. */
export const TASK_TYPES = Object.freeze({
  query: 'RETRIEVAL_QUERY', document: 'RETRIEVAL_DOCUMENT', similarity: 'SEMANTIC_SIMILARITY', classification: 'CLASSIFICATION', clustering: 'CLUSTERING',
  question: 'QUESTION_ANSWERING', fact: 'FACT_VERIFICATION', code: 'CODE_RETRIEVAL_QUERY',
} as const satisfies Record<EmbeddingTask, string>)
export const TASKS: ReadonlyMap<string, EmbeddingTask> = new Map(Object.entries(TASK_TYPES).map(([task, name]) => [name, task as EmbeddingTask])) // keys of a Record<EmbeddingTask, ...>

const KNOWN: ReadonlySet<string> = new Set(['model', 'content', 'taskType', 'task_type', 'title', 'outputDimensionality', 'output_dimensionality', 'requests'])
const PLACE: VectorPlace = Object.freeze({ path: ['embeddings'], member: 'values', told: rest => ({ usage: readUsage(rest['usageMetadata'], true), model: '' }) } satisfies VectorPlace)

/** `:embedContent` and `:batchEmbedContents` of Google's Gemini API. Providers are always asked for a batch. */
export const geminiEmbeddings: EmbeddingFormat = Object.freeze({
  id: 'gemini-embed',
  decodeRequest: (body, { model, single }) => decodeBody(body, root => single ? readOne(root, model) : readBatch(root, model)),
  encodeRequest(call, target) {
    const name = JSON.stringify(/^(?:models|tunedModels)\//.test(target.model) ? target.model : `models/${target.model}`)
    const requests: Writable[] = []
    for (const input of call.inputs) {
      const parts = partsOf(call, input)
      if (!parts.ok) return parts
      requests.push({
        model: new RawJson(name), content: { parts: parts.value.map(writePart) }, taskType: call.task === null ? undefined : TASK_TYPES[call.task],
        title: call.title === '' ? undefined : call.title, outputDimensionality: call.dimensions < 0 ? undefined : call.dimensions,
      })
    }
    return success({ body: utf8AsLatin1(writeJson({ requests })), headers: '', notes: droppedFields(call, ['truncate', 'user']) })
  },
  createDecoder: call => new VectorReader(PLACE, call.inputs.length),
  createEncoder: ({ call }) => new GeminiEncoder(call.single),
} satisfies EmbeddingFormat)

const writePart = (part: EmbeddingPart): Writable => part.type === 'text' ? { text: part.text } : { inlineData: { mimeType: part.mediaType, data: part.data } }

/** A member in either of its spellings. */
function either(view: JsonView, camel: string, snake: string): JsonView {
  const found = view.get(camel)
  return found.given ? found : view.get(snake)
}

function readOne(view: JsonView, model: string): EmbeddingCall {
  const task = readText(either(view, 'taskType', 'task_type'), 'taskType')
  return {
    format: 'gemini-embed', model, inputs: [readContent(view.get('content'))], dimensions: readCount(either(view, 'outputDimensionality', 'output_dimensionality'), 'outputDimensionality'),
    task: TASKS.get(task) ?? null, title: readText(view.get('title'), 'title'), truncate: null, user: '', encodings: ['float'], single: true, foreign: foreignMembers(view, KNOWN),
  }
}

/** What is said of one must be said of all: other formats say it once. */
function readBatch(root: JsonView, model: string): EmbeddingCall {
  const calls = root.get('requests').elements().map(one => readOne(one, model))
  const [first] = calls
  if (first === undefined) throw new InvalidRequest('"requests" must be a list, and not empty.', 'requests')
  for (const { dimensions, task, title } of calls) {
    if (dimensions !== first.dimensions) throw new InvalidRequest('The model\'s provider makes vectors of one length for all texts of a request: send texts with another "outputDimensionality" in a request of their own.', 'outputDimensionality')
    if (task !== first.task) throw new InvalidRequest('The model\'s provider takes one kind of task for all texts of a request: send texts with another "taskType" in a request of their own.', 'taskType')
    if (title !== first.title) throw new InvalidRequest('The model\'s provider takes no title for each text: send them in a request of their own.', 'title')
  }
  return { ...first, inputs: calls.flatMap(call => call.inputs), single: false, foreign: [...new Set([...foreignMembers(root, KNOWN), ...calls.flatMap(call => call.foreign)])] }
}

function readContent(view: JsonView): EmbeddingInput {
  const parts = view.get('parts')
  // One part may stand there without a list.
  const list = parts.kind === 'object' ? [parts] : parts.elements()
  if (list.length === 0) throw new InvalidRequest('"content.parts" must be a list, and not empty.', 'content')
  const read = list.map(readPart)
  const [only] = read
  return read.length === 1 && only?.type === 'text' ? only : { type: 'parts', parts: read }
}

function readPart(part: JsonView): EmbeddingPart {
  const data = either(part, 'inlineData', 'inline_data')
  if (data.given) return { type: 'image', mediaType: readText(either(data, 'mimeType', 'mime_type'), 'content.parts[].inlineData.mimeType'), data: readText(data.get('data'), 'content.parts[].inlineData.data') }
  const text = part.get('text').string
  if (text === null) throw new InvalidRequest('"content.parts[]" must be text or inline data.', 'content')
  return { type: 'text', text }
}

class GeminiEncoder implements ListEncoder {
  readonly #single: boolean
  #count = 0

  constructor(single: boolean) {
    this.#single = single
  }

  element(vector: string): string {
    const first = this.#count++ === 0
    return this.#single ? `{"embedding":{"values":${vector}}` : `${first ? '{"embeddings":[' : ','}{"values":${vector}}`
  }

  end({ usage }: ListTold): string {
    return `${this.#single ? '' : ']'}${usageMember(usage)}}`
  }
}

const usageMember = ({ inputTokens }: Usage): string => inputTokens < 0 ? '' : `,"usageMetadata":{"promptTokenCount":${inputTokens}}`
