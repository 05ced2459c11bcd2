import {
  failure, gatewayError, success,
  type AnswerFacts, type Call, type DialectId, type EncodedRequest, type Exchange, type RelayDialect, type Result, type Target, type TranslatingDialect, type TranslationNote,
} from '@headrace/contract'

/** Characters of a header that lists fields. */
const HEADER_LIMIT = 1_024

/** Every dialect, in the fast lane and through the neutral form. */
export interface Dialects {
  readonly relay: Readonly<Record<DialectId, RelayDialect>>
  readonly translating: Readonly<Record<DialectId, TranslatingDialect>>
}

/** One request in the dialect of one target, and how its answer comes back. */
export interface Translated {
  readonly request: EncodedRequest
  readonly client: { readonly relay: RelayDialect, readonly translating: TranslatingDialect }
  readonly provider: { readonly relay: RelayDialect, readonly translating: TranslatingDialect }
  readonly facts: AnswerFacts
  /** `headrace-dropped` and `headrace-approximated` lines; '' = nothing was lost. */
  readonly answerHeaders: string
}

/** Translates one request for the targets that speak another dialect than its client. The request is decoded once, and only if such a target is tried. */
export class Translator {
  readonly #dialects: Dialects
  readonly #x: Exchange
  readonly #body: Buffer
  #call: Result<Call> | null = null

  constructor(dialects: Dialects, x: Exchange, body: Buffer) {
    this.#dialects = dialects
    this.#x = x
    this.#body = body
  }

  /** Errors: `invalid-request` where the request cannot be said in the target's dialect. */
  translate(target: Target): Result<Translated> {
    const x = this.#x
    if (x.operation !== 'chat') {
      return failure(gatewayError('invalid-request', `The model's provider speaks ${target.dialect}, which has no such operation (${x.operation}). Name a model of another provider.`, { param: 'model' }))
    }
    const { relay, translating } = this.#dialects
    const call = this.#call ??= translating[x.dialect].decodeRequest(this.#body)
    if (!call.ok) return call
    const request = translating[target.dialect].encodeRequest(call.value, target)
    if (!request.ok) return request
    return success({
      request: request.value,
      client: { relay: relay[x.dialect], translating: translating[x.dialect] },
      provider: { relay: relay[target.dialect], translating: translating[target.dialect] },
      facts: { requestId: x.id, model: target.model, created: Math.floor(x.wallTime / 1_000), includeUsage: call.value.includeUsage },
      answerHeaders: noteHeaders(request.value.notes),
    })
  }
}

/** What was lost, as answer headers. Names may be the client's own inventions: only visible ASCII goes into a header, and not without end. */
function noteHeaders(notes: readonly TranslationNote[]): string {
  const list = (loss: TranslationNote['loss']): string => {
    const fields = notes.filter(note => note.loss === loss).map(note => encodeURI(note.field.toWellFormed()).replaceAll(',', '%2C').replaceAll('%5B', '[').replaceAll('%5D', ']')).join(', ')
    return fields === '' ? '' : `headrace-${loss}: ${fields.length > HEADER_LIMIT ? `${fields.slice(0, HEADER_LIMIT)}...` : fields}\r\n`
  }
  return notes.length === 0 ? '' : list('dropped') + list('approximated')
}
