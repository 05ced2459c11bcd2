import { utf8AsLatin1, writeJson, type JsonView } from '@headrace/bytes'
import { success, type EmbeddingCall, type EmbeddingFormat, type ListEncoder, type ListTold } from '@headrace/contract'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest, readCount, readFlag, readText } from '../neutral/field-reader.ts'
import { foreignMembers } from '../lists/read-inputs.ts'
import { droppedFields, textsOf } from './fields.ts'
import { TASK_TYPES, TASKS } from './gemini.ts'
import { readUsage } from '../google-gemini/read-usage.ts'
import { VectorReader, type VectorPlace } from './vector-reader.ts'

const KNOWN: ReadonlySet<string> = new Set(['instances', 'parameters', 'content', 'task_type', 'title', 'outputDimensionality', 'autoTruncate'])
/** Tokens are told with each vector. */
const PLACE: VectorPlace = Object.freeze({
  path: ['predictions'], within: 'embeddings', member: 'values', tokens: /"token_count"\s*:\s*(\d+)/,
  told: (_rest, tokens) => ({ usage: readUsage(tokens === 0 ? undefined : { promptTokenCount: tokens }, true), model: '' }),
} satisfies VectorPlace)

/** `:predict` of the text embedding models of Vertex AI: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api */
export const vertexEmbeddings: EmbeddingFormat = Object.freeze({
  id: 'vertex-predict',
  decodeRequest: (body, { model }) => decodeBody(body, root => readRequest(root, model)),
  encodeRequest(call) {
    const texts = textsOf(call)
    if (!texts.ok) return texts
    const { task, title, dimensions, truncate } = call
    const instances = texts.value.map(content => ({ content, task_type: task === null ? undefined : TASK_TYPES[task], title: title === '' ? undefined : title }))
    const parameters = { outputDimensionality: dimensions < 0 ? undefined : dimensions, autoTruncate: truncate === null || truncate === 'start' ? undefined : truncate === 'end' }
    const notes = droppedFields(call, truncate === 'start' ? ['truncate', 'user'] : ['user'])
    return success({ body: utf8AsLatin1(writeJson({ instances, parameters })), headers: '', notes })
  },
  createDecoder: call => new VectorReader(PLACE, call.inputs.length),
  createEncoder: () => new VertexEncoder(),
} satisfies EmbeddingFormat)

/** What is said of one must be said of all: other formats say it once. */
function readRequest(root: JsonView, model: string): EmbeddingCall {
  const instances = root.get('instances').elements()
  const parameters = root.get('parameters')
  const [first] = instances
  if (first === undefined) throw new InvalidRequest('"instances" must be a list, and not empty.', 'instances')
  const said = (instance: JsonView): string => `${readText(instance.get('task_type'), 'task_type')}\n${readText(instance.get('title'), 'title')}`
  if (instances.some(instance => said(instance) !== said(first))) throw new InvalidRequest('The model\'s provider takes one kind of task and title for all texts of a request: send others in a request of their own.', 'instances')
  const truncate = readFlag(parameters.get('autoTruncate'), 'autoTruncate')
  return {
    format: 'vertex-predict', model, inputs: instances.map(instance => ({ type: 'text', text: readText(instance.get('content'), 'instances') })),
    dimensions: readCount(parameters.get('outputDimensionality'), 'outputDimensionality'), task: TASKS.get(readText(first.get('task_type'), 'task_type')) ?? null,
    title: readText(first.get('title'), 'title'), truncate: truncate === null ? null : truncate ? 'end' : 'none', user: '', encodings: ['float'], single: false,
    foreign: [...new Set([root, parameters, ...instances].flatMap(view => foreignMembers(view, KNOWN)))],
  }
}

/** The tokens of all texts stand at the last one: how they are shared out is not known of every provider. */
class VertexEncoder implements ListEncoder {
  #held = ''

  element(vector: string): string {
    const before = this.#held === '' ? '{"predictions":[' : `${this.#held}}},`
    this.#held = `{"embeddings":{"values":${vector}`
    return before
  }

  end({ usage }: ListTold): string {
    return `${this.#held}${usage.inputTokens < 0 ? '' : `,"statistics":{"truncated":false,"token_count":${usage.inputTokens}}`}}}]}`
  }
}
