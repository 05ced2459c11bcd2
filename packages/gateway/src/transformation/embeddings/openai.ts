import { RawJson, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { success, type EmbeddingCall, type ListEncoder, type ListFacts, type EmbeddingFormat, type EmbeddingTask, type ListTold, type Result } from '@headrace/contract'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest, readCount, readText } from '../neutral/field-reader.ts'
import { readUsage } from '../openai-chat/read-usage.ts'
import { asciiJson } from '../relay/ascii-json.ts'
import { asText } from '../relay/json-value.ts'
import { droppedFields, textsOf } from './fields.ts'
import { foreignMembers, readInputs } from '../lists/read-inputs.ts'
import { VectorReader, type VectorPlace } from './vector-reader.ts'
import { known, toBase64 } from './write-vector.ts'

const KNOWN: ReadonlySet<string> = new Set(['model', 'input', 'dimensions', 'encoding_format', 'user', 'input_type'])
/** Some servers of this format ask what vectors are for: in Cohere's words, or in those of retrieval. */
const TASKS: Readonly<Record<string, EmbeddingTask>> = Object.freeze({ search_query: 'query', query: 'query', search_document: 'document', document: 'document', passage: 'document', classification: 'classification', clustering: 'clustering' })
const PLACE: VectorPlace = Object.freeze({ path: ['data'], member: 'embedding', index: 'index', told: rest => ({ usage: readUsage(rest['usage']), model: asText(rest['model']) }) } satisfies VectorPlace)

/** `POST /v1/embeddings` of OpenAI and of all who are compatible. */
export const openAiEmbeddings: EmbeddingFormat = Object.freeze({
  id: 'openai-embeddings',
  decodeRequest: (body, { model }) => decodeBody(body, root => {
    const encoding = readText(root.get('encoding_format'), 'encoding_format')
    if (encoding !== '' && encoding !== 'float' && encoding !== 'base64') throw new InvalidRequest('"encoding_format" must be "float" or "base64".', 'encoding_format')
    const task = readText(root.get('input_type'), 'input_type')
    return {
      format: 'openai-embeddings', model, inputs: readInputs(root.get('input'), 'input', true), dimensions: readCount(root.get('dimensions'), 'dimensions'),
      task: TASKS[task] ?? null, title: '', truncate: null, user: readText(root.get('user'), 'user'),
      encodings: [encoding === 'base64' ? 'base64' : 'float'], single: false,
      foreign: [...foreignMembers(root, KNOWN), ...(task !== '' && TASKS[task] === undefined ? ['input_type'] : [])],
    }
  }),
  encodeRequest(call, target) {
    const asTokens = call.inputs.map(one => one.type === 'tokens' ? one.tokens : null).filter(one => one !== null)
    const input: Result<Writable> = asTokens.length === call.inputs.length ? success(asTokens) : textsOf(call)
    if (!input.ok) return input
    const body = {
      model: new RawJson(target.modelJson), input: input.value, encoding_format: 'float', dimensions: call.dimensions < 0 ? undefined : call.dimensions, user: call.user === '' ? undefined : call.user,
    }
    return success({ body: utf8AsLatin1(writeJson(body)), headers: '', notes: droppedFields(call, ['task', 'title', 'truncate']) })
  },
  createDecoder: call => new VectorReader(PLACE, call.inputs.length),
  createEncoder: facts => new OpenAiEncoder(facts),
} satisfies EmbeddingFormat)

class OpenAiEncoder implements ListEncoder {
  readonly #facts: ListFacts<EmbeddingCall>
  readonly #base64: boolean
  #count = 0

  constructor(facts: ListFacts<EmbeddingCall>) {
    this.#facts = facts
    this.#base64 = facts.call.encodings.includes('base64')
  }

  element(vector: string): string {
    const index = this.#count++
    return `${index === 0 ? '{"object":"list","data":[' : ','}{"object":"embedding","index":${index},"embedding":${this.#base64 ? `"${toBase64(vector)}"` : vector}}`
  }

  end({ usage, model }: ListTold): string {
    const tokens = known(usage.inputTokens)
    return `],"model":${asciiJson(model === '' ? this.#facts.call.model : model)},"usage":{"prompt_tokens":${tokens},"total_tokens":${tokens}}}`
  }
}
