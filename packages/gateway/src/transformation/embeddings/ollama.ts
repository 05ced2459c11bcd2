import { RawJson, utf8AsLatin1, writeJson } from '@headrace/bytes'
import { success, type EmbeddingCall, type ListEncoder, type ListFacts, type EmbeddingFormat, type ListTold } from '@headrace/contract'
import { decodeBody } from '../neutral/decode-body.ts'
import { readCount, readFlag } from '../neutral/field-reader.ts'
import { readUsage } from '../ollama-chat/read-usage.ts'
import { asciiJson } from '../relay/ascii-json.ts'
import { asText } from '../relay/json-value.ts'
import { droppedFields, textsOf } from './fields.ts'
import { foreignMembers, readInputs } from '../lists/read-inputs.ts'
import { VectorReader, type VectorPlace } from './vector-reader.ts'

const KNOWN: ReadonlySet<string> = new Set(['model', 'input', 'prompt', 'truncate', 'dimensions'])
const PLACE: VectorPlace = Object.freeze({ path: ['embeddings'], member: null, told: rest => ({ usage: readUsage(rest), model: asText(rest['model']) }) } satisfies VectorPlace)

/** `/api/embed` of Ollama, and its older `/api/embeddings` for one text. Providers are always asked at the first. */
export const ollamaEmbeddings: EmbeddingFormat = Object.freeze({
  id: 'ollama-embed',
  decodeRequest: (body, { model, single }) => decodeBody(body, root => {
    const truncate = readFlag(root.get('truncate'), 'truncate')
    return {
      format: 'ollama-embed', model, inputs: readInputs(root.get(single ? 'prompt' : 'input'), single ? 'prompt' : 'input', false), dimensions: readCount(root.get('dimensions'), 'dimensions'),
      task: null, title: '', truncate: truncate === null ? null : truncate ? 'end' : 'none', user: '', encodings: ['float'], single, foreign: foreignMembers(root, KNOWN),
    }
  }),
  encodeRequest(call, target) {
    const texts = textsOf(call)
    if (!texts.ok) return texts
    const { truncate } = call
    const body = { model: new RawJson(target.modelJson), input: texts.value, truncate: truncate === null || truncate === 'start' ? undefined : truncate === 'end', dimensions: call.dimensions < 0 ? undefined : call.dimensions }
    return success({ body: utf8AsLatin1(writeJson(body)), headers: '', notes: droppedFields(call, ['task', 'title', 'user', ...(truncate === 'start' ? ['truncate'] as const : [])]) })
  },
  createDecoder: call => new VectorReader(PLACE, call.inputs.length),
  createEncoder: facts => new OllamaEncoder(facts),
} satisfies EmbeddingFormat)

class OllamaEncoder implements ListEncoder {
  readonly #facts: ListFacts<EmbeddingCall>
  #count = 0

  constructor(facts: ListFacts<EmbeddingCall>) {
    this.#facts = facts
  }

  element(vector: string): string {
    if (this.#facts.call.single) return `{"embedding":${vector}`
    return (this.#count++ === 0 ? `{"model":${asciiJson(this.#facts.call.model)},"embeddings":[` : ',') + vector
  }

  /** Durations are nanoseconds. */
  end({ usage }: ListTold): string {
    if (this.#facts.call.single) return '}'
    const total = Math.round((performance.now() - this.#facts.startedAt) * 1e6)
    return `],"total_duration":${total},"load_duration":0${usage.inputTokens < 0 ? '' : `,"prompt_eval_count":${usage.inputTokens}`}}`
  }
}
