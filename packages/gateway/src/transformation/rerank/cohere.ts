import { RawJson, utf8AsLatin1, writeJson } from '@headrace/bytes'
import { success, type ListEncoder, type ListFacts, type ListTold, type RerankCall, type RerankFormat } from '@headrace/contract'
import { readUsage } from '../cohere/read-usage.ts'
import { foreignMembers } from '../lists/read-inputs.ts'
import { decodeBody } from '../neutral/decode-body.ts'
import { readCount } from '../neutral/field-reader.ts'
import { asciiJson } from '../relay/ascii-json.ts'
import { dropped, readDocuments, readQuery } from './read-documents.ts'
import { ResultReader, type RerankResult } from './result-reader.ts'

const KNOWN: ReadonlySet<string> = new Set(['model', 'query', 'documents', 'top_n', 'max_tokens_per_doc'])

/** `POST /v2/rerank` of Cohere: it answers with places alone, never with documents. */
export const cohereRerank: RerankFormat = Object.freeze({
  id: 'cohere-rerank',
  decodeRequest: (body, { model }) => decodeBody(body, root => ({
    format: 'cohere-rerank', model, query: readQuery(root.get('query')), documents: readDocuments(root.get('documents')), topN: readCount(root.get('top_n'), 'top_n'),
    returnDocuments: null, maxTokensPerDocument: readCount(root.get('max_tokens_per_doc'), 'max_tokens_per_doc'), foreign: foreignMembers(root, KNOWN),
  })),
  encodeRequest(call, target) {
    const body = {
      model: new RawJson(target.modelJson), query: call.query, documents: call.documents, top_n: call.topN < 0 ? undefined : call.topN, max_tokens_per_doc: call.maxTokensPerDocument < 0 ? undefined : call.maxTokensPerDocument,
    }
    return success({ body: utf8AsLatin1(writeJson(body)), headers: '', notes: dropped(call.foreign) })
  },
  createDecoder: call => new ResultReader(call.documents.length, rest => ({ usage: readUsage(rest), model: '' })),
  createEncoder: facts => new CohereEncoder(facts),
} satisfies RerankFormat)

class CohereEncoder implements ListEncoder {
  readonly #facts: ListFacts<RerankCall>
  #count = 0

  constructor(facts: ListFacts<RerankCall>) {
    this.#facts = facts
  }

  element(element: string): string {
    const { index, score } = JSON.parse(element) as RerankResult // a `ResultReader` wrote it
    return `${this.#count++ === 0 ? `{"id":${asciiJson(this.#facts.requestId)},"results":[` : ','}{"index":${index},"relevance_score":${score}}`
  }

  end({ usage: { inputTokens } }: ListTold): string {
    return `],"meta":${JSON.stringify({ api_version: { version: '2' }, ...(inputTokens < 0 ? {} : { billed_units: { input_tokens: inputTokens } }) })}}`
  }
}
