import { Readable } from 'node:stream'
import { failure, gatewayError, success, type IncomingRequest, type Policy, type RelayDialect, type Result, type Target } from '@headrace/contract'
import { boundaryOf, FormWatch } from './form-watch.ts'
import type { MediaRoute } from './media-route.ts'
import type { BodyStart, Inspect } from './pass-body.ts'
import type { SpooledBody } from './upload-spool.ts'

/** What of a body is read before it goes on: its model is found there, and so much can be sent again. */
export const HEAD_BYTES = 2 ** 20

/** A body whose model is known. */
export interface MediaBody {
  readonly model: string
  readonly stream: boolean
  readonly user: string
  /** What of it counts as input tokens: JSON; nothing of a file. */
  readonly counted: Buffer
  /** The body as a target has it. Called anew for each attempt. */
  sentTo(target: Target): SentBody
  /** Looks at what comes after the start; null = nothing does, or nobody has to. */
  readonly inspect: Inspect | null
  /** It can be sent again after its rest was begun. */
  readonly kept: boolean
}

/** `start`: what is at hand; `rest`: where the rest comes from, null = that was all; `bytes`: of both together, -1 = nobody knows. */
export interface SentBody { readonly start: readonly Buffer[], readonly rest: Readable | null, readonly bytes: number }

const NONE = Buffer.alloc(0)
const NO_MODEL = Object.freeze(gatewayError('invalid-request', 'The form has no field "model".', { param: 'model' }))

/**
 * Finds the model in the start of a body; a form where it does not stand there is a watch, that has to see the rest.
 * Errors: `invalid-request`, `unsupported-media-type`, `body-too-large`.
 */
export function readMediaBody({ form }: MediaRoute, request: IncomingRequest, start: BodyStart, dialect: RelayDialect, policy: Policy): Result<MediaBody | FormWatch> {
  const { path } = request.head
  const contentType = request.head.header('content-type') ?? ''
  const boundary = form === 'never' ? null : boundaryOf(contentType)
  if (boundary !== null) return readForm(boundary, start, request)
  if (form === 'always') return failure(gatewayError('unsupported-media-type', `${path} takes multipart/form-data with a boundary.`))
  if (!/^application\/json\b/i.test(contentType)) return failure(gatewayError('unsupported-media-type', `${path} takes application/json${form === 'either' ? ' or multipart/form-data' : ''}.`))
  if (!start.whole) return failure(gatewayError('body-too-large', `A JSON body at ${path} may have ${HEAD_BYTES / 2 ** 20} MiB.${form === 'either' ? ' Send pictures as multipart/form-data: forms have no such bound.' : ''}`))
  return readJson(start.bytes, dialect, policy, path)
}

function readJson(bytes: Buffer, dialect: RelayDialect, policy: Policy, path: string): Result<MediaBody> {
  const scanned = dialect.scanRequest(bytes, 'embeddings', policy, { path, query: '' })
  if (!scanned.ok) return scanned
  const { model, stream, user } = scanned.value
  const sentTo = (target: Target): SentBody => atHand([Buffer.from(dialect.spliceRequest(scanned.value, target.modelJson, false), 'latin1')])
  return success({ model, stream, user, counted: bytes, inspect: null, kept: true, sentTo })
}

function readForm(boundary: string, { bytes, whole }: BodyStart, { body, length }: IncomingRequest): Result<MediaBody | FormWatch> {
  const watch = new FormWatch(boundary)
  const unfit = watch.push(bytes)
  if (unfit !== null) return failure(unfit)
  const { model } = watch
  if (model === null) return whole ? failure(NO_MODEL) : success(watch)
  const sentTo = (target: Target): SentBody => {
    const sent = atHand([bytes.subarray(0, model.start), Buffer.from(target.model), bytes.subarray(model.end)])
    return whole ? sent : { start: sent.start, rest: body, bytes: length < 0 ? -1 : length + sent.bytes - bytes.length }
  }
  return success({ model: model.name, stream: false, user: '', counted: NONE, inspect: whole ? null : chunk => watch.push(chunk), kept: whole, sentTo })
}

/** A form that was put aside, of which all was seen. Errors: `invalid-request`. */
export function readSpooledForm({ model }: FormWatch, spooled: SpooledBody): Result<MediaBody> {
  if (model === null) return failure(NO_MODEL)
  const sentTo = (target: Target): SentBody => {
    const name = Buffer.from(target.model)
    const all = async function* (): AsyncGenerator<Buffer> {
      yield* spooled.read(0, model.start)
      yield name
      yield* spooled.read(model.end, spooled.size)
    }
    return { start: [], rest: Readable.from(all(), { objectMode: false }), bytes: spooled.size + name.length - (model.end - model.start) }
  }
  return success({ model: model.name, stream: false, user: '', counted: NONE, inspect: null, kept: true, sentTo })
}

const atHand = (start: readonly Buffer[]): SentBody => ({ start, rest: null, bytes: start.reduce((sum, part) => sum + part.length, 0) })
