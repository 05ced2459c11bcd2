/** The wire formats of reranking. Several dialects may share one. */
export type RerankFormatId = 'jina-rerank' | 'cohere-rerank'

/** A request to order documents by what they have to do with a question, whoever asks. */
export interface RerankCall {
  /** The client's. */
  readonly format: RerankFormatId
  readonly model: string
  readonly query: string
  /** At least one. */
  readonly documents: readonly string[]
  /** The best so many; -1 = all. */
  readonly topN: number
  /** The client wants the documents back; null = it does not say. */
  readonly returnDocuments: boolean | null
  /** Of a document, what goes beyond is not looked at; -1 = as the provider does. */
  readonly maxTokensPerDocument: number
  /** Fields that only the client's own format has, by name. */
  readonly foreign: readonly string[]
}
