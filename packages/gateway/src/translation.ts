import {
  failure, gatewayError, success,
  type AnswerFacts, type Call, type ClientTranslation, type DialectId, type EmbeddingCall, type EmbeddingFormat, type EncodedRequest, type Exchange, type FetchPart, type GatewayError, type ListDecoder, type ListEncoder, type ListFormat, type PathName, type RelayDialect,
  type RerankCall, type RerankFormat, type Result, type Source, type Target, type TranslatingDialect, type TranslationNote, type WireName,
} from '@headrace/contract'
import { EMBEDDING_FORMATS, EMBEDDINGS_OF_DIALECT } from './transformation/embeddings/formats.ts'
import { RERANK_FORMATS, RERANK_OF_DIALECT } from './transformation/rerank/formats.ts'
import { estimateCall } from './transformation/neutral/estimate-tokens.ts'
import { clientFieldName, fieldName } from './transformation/neutral/field-names.ts'
import { fitToolNames } from './transformation/neutral/tool-names.ts'
import { mended, outputFor, type ShapedOutput } from './transformation/neutral/structured-output.ts'
import { openAiCompletions } from './transformation/openai-completions/translation.ts'
import { fitRequest } from './transformation/relay/fit-request.ts'
import { fetchUrls, urlsToFetch, withSources } from './url-parts.ts'

/** Characters of a header that lists fields. */
const HEADER_LIMIT = 1_024
/** Characters of the parameter that an error names. */
const PARAM_LIMIT = 256

/** Every dialect, in the fast lane and through the neutral form. */
export interface Dialects {
  /** And what clients speak that is no dialect. */
  readonly clients: Readonly<Record<WireName, RelayDialect>>
  readonly relay: Readonly<Record<DialectId, RelayDialect>>
  readonly translating: Readonly<Record<DialectId, TranslatingDialect>>
}

/** One request in the terms of one target, and how its answer comes back. */
export type Translated = TranslatedCall | TranslatedList

interface TranslatedRequest {
  readonly request: EncodedRequest
  /** All that it loses. */
  readonly notes: readonly TranslationNote[]
  /** Names of fields, fit for a header; '' = none. */
  readonly dropped: string
  readonly approximated: string
}

/** A call whose answer is a list. */
export interface TranslatedList extends TranslatedRequest {
  readonly kind: 'list'
  readonly client: RelayDialect
  readonly provider: { readonly relay: RelayDialect, readonly translating: TranslatingDialect }
  readonly createDecoder: () => ListDecoder
  readonly createEncoder: () => ListEncoder
}

export interface TranslatedCall extends TranslatedRequest {
  readonly kind: 'conversation'
  readonly client: { readonly relay: RelayDialect, readonly translating: ClientTranslation }
  readonly provider: { readonly relay: RelayDialect, readonly translating: TranslatingDialect }
  readonly facts: AnswerFacts
  /** Structured output by other means than the dialect's own; null = by these, or none was asked for. */
  readonly output: ShapedOutput | null
  /** From names of tools that the target takes to the client's; null = the client's own. */
  readonly toolNames: ReadonlyMap<string, string> | null
}

/** An answer that is not what its schema demands, and why. */
export interface UnfitAnswer { readonly answer: string, readonly problem: string }

/** An answer that the gateway gives by itself. */
export interface CountedTokens { readonly headers: string, readonly body: string, readonly approximated: string }

/** Translates one request for the targets that speak another dialect than its client. The request is decoded once, and only if such a target is tried. */
export class Translator {
  readonly #dialects: Dialects
  readonly #x: Exchange
  readonly #body: Buffer
  readonly #fetchPart: FetchPart | null
  readonly #path: PathName
  #call: Result<Call> | null = null
  #embeddings: Result<EmbeddingCall> | null = null
  #rerank: Result<RerankCall> | null = null
  /** What was fetched so far, by URL. */
  #sources: ReadonlyMap<string, Source> = new Map()
  #fetching: AbortController | null = null

  /** `path`: where the request would go at a provider of its own dialect. */
  constructor(dialects: Dialects, x: Exchange, body: Buffer, path: PathName, fetchPart: FetchPart | null = null) {
    this.#dialects = dialects
    this.#x = x
    this.#body = body
    this.#path = path
    this.#fetchPart = fetchPart
  }

  /** The request asks for an answer of some structure. */
  wantsStructure(): boolean {
    const call = this.#decode()
    return call.ok && call.value.responseFormat !== null && call.value.responseFormat.type !== 'text'
  }

  /** What must be fetched before the request can be said to this target; null = nothing: translate at once. */
  prepare(target: Target): Promise<GatewayError | null> | null {
    const { fetchBytes = 0, fetchMs = 0 } = this.#x.snapshot.policy
    const fetchPart = this.#fetchPart
    const urls = this.#urlsFor(target)
    if (urls === null || fetchPart === null) return null
    this.#fetching = new AbortController()
    return fetchUrls(urls, fetchPart, { maxBytes: fetchBytes, timeoutMs: fetchMs }, this.#fetching.signal).then(fetched => {
      if (!fetched.ok) return fetched.error
      this.#sources = new Map([...this.#sources, ...fetched.value])
      return null
    })
  }

  /** Nothing must be fetched before `translate`. */
  isPrepared(target: Target): boolean {
    return this.#urlsFor(target) === null
  }

  /** The client left: what is being fetched is no longer wanted. */
  stop(): void {
    this.#fetching?.abort()
  }

  /** Errors: `invalid-request` where the request cannot be said in the target's dialect, or not without a loss that its model forbids. `unfit`: the answer that did not fit its schema, to be mended. */
  translate(target: Target, unfit: UnfitAnswer | null = null): Result<Translated> {
    const x = this.#x
    if (x.operation === 'embeddings') return this.#translateList(target, embeddingsOf(x), embeddingsAt(target), format => this.#embeddings ??= this.#decodeList(format))
    if (x.operation === 'rerank') return this.#translateList(target, rerankOf(x), rerankAt(target), format => this.#rerank ??= this.#decodeList(format))
    if (x.operation !== 'chat' && x.operation !== 'completion') {
      return failure(hasNoSuch(target, x))
    }
    const { relay, translating } = this.#dialects
    const call = this.#decode()
    if (!call.ok) return call
    const held = this.#sources.size === 0 ? call.value : withSources(call.value, this.#sources)
    const output = outputFor(held, target, translating[target.dialect])
    const asked = output?.call ?? held
    const named = fitToolNames(unfit === null ? asked : mended(asked, unfit.answer, unfit.problem), translating[target.dialect].toolNames)
    const request = encodeFor(translating[target.dialect], named.call, target, x.dialect)
    if (!request.ok) return request
    const notes = output === null ? request.value.notes : [...request.value.notes, formatNote(x.dialect, output.how)]
    if (x.plan?.strict === true && notes.length > 0) return failure(lossForbidden(notes))
    return success({
      kind: 'conversation',
      request: request.value,
      client: { relay: relay[x.dialect], translating: this.#client },
      provider: { relay: relay[target.dialect], translating: translating[target.dialect] },
      facts: { requestId: x.id, model: target.model, created: Math.floor(x.wallTime / 1_000), includeUsage: call.value.includeUsage, call: call.value, array: this.#path === 'chat-array' },
      output,
      toolNames: named.names,
      notes,
      dropped: listNotes(notes, 'dropped'),
      approximated: listNotes(notes, 'approximated'),
    })
  }

  #translateList<Id extends string, C>(target: Target, own: ListFormat<Id, C> | null, theirs: ListFormat<Id, C> | null, decode: (format: ListFormat<Id, C>) => Result<C>): Result<Translated> {
    const x = this.#x
    if (own === null || theirs === null) return failure(hasNoSuch(target, x))
    const call = decode(own)
    if (!call.ok) return call
    const request = theirs.encodeRequest(call.value, target)
    if (!request.ok) return request
    const { notes } = request.value
    if (x.plan?.strict === true && notes.length > 0) return failure(lossForbidden(notes))
    return success({
      kind: 'list', request: request.value, client: this.#dialects.clients[x.wire], provider: { relay: this.#dialects.relay[target.dialect], translating: this.#dialects.translating[target.dialect] },
      notes, dropped: listNotes(notes, 'dropped'), approximated: listNotes(notes, 'approximated'),
      createDecoder: () => theirs.createDecoder(call.value),
      createEncoder: () => own.createEncoder({ call: call.value, requestId: x.requestId, startedAt: x.startedAt }),
    })
  }

  #decodeList<C>(format: ListFormat<string, C>): Result<C> {
    return format.decodeRequest(this.#body, { model: this.#x.model, single: this.#path === 'embedding' })
  }

  /** The client's question for input tokens, answered by estimate. Errors: `invalid-request`, also where its model is strict: a count is exact or it is not. */
  countTokens(): Result<CountedTokens> {
    const x = this.#x
    const counting = this.#dialects.translating[x.dialect].tokenCount
    if (counting === undefined) return failure(gatewayError('invalid-request', `The model's provider cannot count tokens of ${x.dialect} requests. Name a model of another provider.`, { param: 'model' }))
    const call = this.#decode()
    if (!call.ok) return call
    if (x.plan?.strict === true) return failure(lossForbidden([{ field: counting.field, loss: 'approximated', how: 'an estimate' }]))
    const headers = `content-type: application/json\r\n${this.#dialects.relay[x.dialect].requestIdHeader}: ${x.requestId}\r\n${lossHeaders('', counting.field)}`
    return success({ headers, body: counting.encode(estimateCall(call.value)), approximated: counting.field })
  }

  /** What must be fetched for a target; null = nothing. */
  #urlsFor(target: Target): ReturnType<typeof urlsToFetch> | null {
    const support = this.#dialects.translating[target.dialect].urls
    if ((this.#x.snapshot.policy.fetchBytes ?? 0) === 0 || support === undefined || this.#fetchPart === null || this.#x.operation !== 'chat') return null
    const call = this.#decode()
    const urls = call.ok ? urlsToFetch(withSources(call.value, this.#sources), support) : null
    return urls === null || urls.size === 0 ? null : urls
  }

  #decode(): Result<Call> {
    return this.#call ??= this.#client.decodeRequest(this.#body, this.#x)
  }

  get #client(): ClientTranslation {
    return this.#x.operation === 'completion' ? openAiCompletions : this.#dialects.translating[this.#x.dialect]
  }
}

/** A call as one target takes it: in its dialect, and fitted to what its provider does otherwise. `client`: whose names losses are told by. */
export function encodeFor(translating: TranslatingDialect, call: Call, target: Target, client: DialectId): Result<EncodedRequest> {
  const request = translating.encodeRequest(call, target)
  if (!request.ok || target.quirks == null) return request
  const fitted = fitRequest(request.value.body, target.quirks)
  if (!fitted.ok) return fitted
  // What the client has no name for came from the encoder, and nobody asked for it.
  const told = (members: readonly string[], loss: TranslationNote['loss']): TranslationNote[] => members.flatMap(member => {
    const field = clientFieldName(client, target.dialect, member)
    return field === null ? [] : [{ field, loss, how: '' }]
  })
  return success({ ...request.value, body: fitted.value.body, notes: [...request.value.notes, ...told(fitted.value.dropped, 'dropped'), ...told(fitted.value.approximated, 'approximated')] })
}

const embeddingsAt = ({ dialect, services }: Target): EmbeddingFormat | null => formatIn(EMBEDDING_FORMATS, services?.embeddings === undefined ? EMBEDDINGS_OF_DIALECT[dialect] : services.embeddings)
const embeddingsOf = ({ dialect, wire }: Exchange): EmbeddingFormat | null => formatIn(EMBEDDING_FORMATS, wire === 'cohere-api' ? 'cohere-embed' : EMBEDDINGS_OF_DIALECT[dialect])
const rerankAt = ({ dialect, services }: Target): RerankFormat | null => formatIn(RERANK_FORMATS, services?.rerank === undefined ? RERANK_OF_DIALECT[dialect] : services.rerank)
const rerankOf = ({ dialect, wire }: Exchange): RerankFormat | null => formatIn(RERANK_FORMATS, wire === 'cohere-api' ? 'cohere-rerank' : RERANK_OF_DIALECT[dialect])
const formatIn = <Id extends string, Format>(formats: Readonly<Record<Id, Format>>, id: Id | null): Format | null => id === null ? null : formats[id]

/** Client and target speak alike: what one wrote, the other reads as it is. */
export function speaksAlike(x: Exchange, target: Target): boolean {
  switch (x.operation) {
    case 'embeddings': return embeddingsOf(x) === embeddingsAt(target)
    case 'rerank': return rerankOf(x) === rerankAt(target)
    case 'completion': return x.dialect === target.dialect && target.paths.completion !== ''
    default: return x.dialect === target.dialect
  }
}

const hasNoSuch = (target: Target, { operation }: Exchange): GatewayError =>
  gatewayError('invalid-request', `The model's provider speaks ${target.dialect}, which has no such operation (${operation}). Name a model of another provider.`, { param: 'model' })

/** The request as a target takes it, at once and without a fetch: null = as its client wrote it, undefined = it cannot be had so. */
export function requestAtOnce(x: Exchange, target: Target, translatorOf: () => Translator): Translated | null | undefined {
  const shaped = target.structuredOutput !== undefined && target.structuredOutput !== 'native' && x.operation === 'chat' && translatorOf().wantsStructure()
  if (speaksAlike(x, target) && !shaped) return null
  const translator = translatorOf()
  const translated = translator.isPrepared(target) ? translator.translate(target) : null
  return translated?.ok === true ? translated.value : undefined
}

const formatNote = (dialect: DialectId, how: string): TranslationNote => ({ field: fieldName(dialect, 'responseFormat'), loss: 'approximated', how })

/** What was lost, for a header and the record. Names may be the client's own inventions: only visible ASCII goes into a header, and not without end. */
function listNotes(notes: readonly TranslationNote[], loss: TranslationNote['loss']): string {
  const fields = notes.filter(note => note.loss === loss).map(note => encodeURI(note.field.toWellFormed()).replaceAll(',', '%2C').replaceAll('%5B', '[').replaceAll('%5D', ']')).join(', ')
  return fields.length > HEADER_LIMIT ? `${fields.slice(0, HEADER_LIMIT)}...` : fields
}

/** For a model that is `strict`: what a target would lose is said by name. */
export function lossForbidden(notes: readonly TranslationNote[]): GatewayError {
  const dropped = listNotes(notes, 'dropped')
  const approximated = listNotes(notes, 'approximated')
  const losses = [dropped === '' ? '' : `would drop ${dropped}`, approximated === '' ? '' : `would only approximate ${approximated}`].filter(loss => loss !== '').join(', and ')
  return gatewayError('invalid-request', `This model is strict, and its provider ${losses}. Leave these fields out, or name another model.`, { param: notes[0]?.field.slice(0, PARAM_LIMIT) ?? null })
}

/** The header lines that tell the client what was lost; '' = nothing. */
export function lossHeaders(dropped: string, approximated: string): string {
  return (dropped === '' ? '' : `headrace-dropped: ${dropped}\r\n`) + (approximated === '' ? '' : `headrace-approximated: ${approximated}\r\n`)
}
