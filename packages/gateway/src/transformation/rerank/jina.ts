import { RawJson, utf8AsLatin1, writeJson } from '@headrace/bytes'
import { success, type ListEncoder, type ListFacts, type ListTold, type RerankCall, type RerankFormat } from '@headrace/contract'
import { readUsage as readCohereUsage } from '../cohere/read-usage.ts'
import { foreignMembers } from '../lists/read-inputs.ts'
import { decodeBody } from '../neutral/decode-body.ts'
import { readCount, readFlag } from '../neutral/field-reader.ts'
import { asciiJson } from '../relay/ascii-json.ts'
import { asCount, asObject, asText } from '../relay/json-value.ts'
import { documentMember, dropped, readDocuments, readQuery } from './read-documents.ts'
import { ResultReader, type RerankResult } from './result-reader.ts'

const KNOWN: ReadonlySet<string> = new Set(['model', 'query', 'documents', 'top_n', 'return_documents'])

/** `POST /v1/rerank` as Jina has it, and with it Cohere's first version and most engines. */
export const jinaRerank: RerankFormat = Object.freeze({
  id: 'jina-rerank',
  decodeRequest: (body, { model }) => decodeBody(body, root => ({
    format: 'jina-rerank', model, query: readQuery(root.get('query')), documents: readDocuments(root.get('documents')), topN: readCount(root.get('top_n'), 'top_n'),
    returnDocuments: readFlag(root.get('return_documents'), 'return_documents'), maxTokensPerDocument: -1, foreign: foreignMembers(root, KNOWN),
  })),
  encodeRequest(call, target) {
    const body = { model: new RawJson(target.modelJson), query: call.query, documents: call.documents, top_n: call.topN < 0 ? undefined : call.topN, return_documents: false }
    return success({ body: utf8AsLatin1(writeJson(body)), headers: '', notes: dropped([...call.foreign, ...(call.maxTokensPerDocument < 0 ? [] : ['max_tokens_per_doc'])]) })
  },
  createDecoder: call => new ResultReader(call.documents.length, readTold),
  createEncoder: facts => new JinaEncoder(facts),
} satisfies RerankFormat)

/** Engines tell tokens in `usage`; some tell Cohere's `meta`. */
function readTold(rest: Readonly<Record<string, unknown>>): ListTold {
  const usage = asObject(rest['usage'])
  const total = asCount(usage?.['prompt_tokens']) < 0 ? asCount(usage?.['total_tokens']) : asCount(usage?.['prompt_tokens'])
  return { model: asText(rest['model']), usage: total < 0 ? readCohereUsage(rest) : { inputTokens: total, outputTokens: 0, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1 } }
}

class JinaEncoder implements ListEncoder {
  readonly #facts: ListFacts<RerankCall>
  #count = 0

  constructor(facts: ListFacts<RerankCall>) {
    this.#facts = facts
  }

  element(element: string): string {
    const { index, score } = JSON.parse(element) as RerankResult // a `ResultReader` wrote it
    const { call, requestId } = this.#facts
    const opening = this.#count++ === 0 ? `{"id":${asciiJson(requestId)},"model":${asciiJson(call.model)},"object":"list","results":[` : ','
    return `${opening}{"index":${index},"relevance_score":${score}${utf8AsLatin1(documentMember(call, index))}}`
  }

  end({ usage: { inputTokens } }: ListTold): string {
    return `]${inputTokens < 0 ? '' : `,"usage":{"prompt_tokens":${inputTokens},"total_tokens":${inputTokens}}`}}`
  }
}
