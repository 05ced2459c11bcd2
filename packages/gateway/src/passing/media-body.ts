import { failure, gatewayError, success, type Policy, type RelayDialect, type Result, type Target } from '@headrace/contract'
import { boundaryOf, FormWatch } from './form-watch.ts'
import type { MediaRoute } from './media-route.ts'
import type { BodyStart, Inspect } from './pass-body.ts'

/** What of a body is read before it goes on: its model is found there, and so much can be sent again. */
export const HEAD_BYTES = 2 ** 20

/** A body whose model is known. */
export interface MediaBody {
  readonly model: string
  readonly stream: boolean
  readonly user: string
  /** What of it counts as input tokens: JSON; nothing of a file. */
  readonly counted: Buffer
  /** The start of it as a target has it. */
  startFor(target: Target): readonly Buffer[]
  /** Looks at what comes after it; null = nothing does, or nobody has to. */
  readonly inspect: Inspect | null
}

const NONE = Buffer.alloc(0)

/** Finds the model in the start of a body. Errors: `invalid-request`, `unsupported-media-type`, `body-too-large`. */
export function readMediaBody({ form }: MediaRoute, contentType: string, start: BodyStart, dialect: RelayDialect, policy: Policy, path: string): Result<MediaBody> {
  const boundary = form === 'never' ? null : boundaryOf(contentType)
  if (boundary !== null) return readForm(boundary, start)
  if (form === 'always') return failure(gatewayError('unsupported-media-type', `${path} takes multipart/form-data with a boundary.`))
  if (!/^application\/json\b/i.test(contentType)) return failure(gatewayError('unsupported-media-type', `${path} takes application/json${form === 'either' ? ' or multipart/form-data' : ''}.`))
  if (!start.whole) return failure(gatewayError('body-too-large', `A JSON body at ${path} may have ${HEAD_BYTES / 2 ** 20} MiB.${form === 'either' ? ' Send pictures as multipart/form-data: forms have no such bound.' : ''}`))
  return readJson(start.bytes, dialect, policy, path)
}

function readJson(bytes: Buffer, dialect: RelayDialect, policy: Policy, path: string): Result<MediaBody> {
  const scanned = dialect.scanRequest(bytes, 'embeddings', policy, { path, query: '' })
  if (!scanned.ok) return scanned
  const { model, stream, user } = scanned.value
  return success({ model, stream, user, counted: bytes, inspect: null, startFor: target => [Buffer.from(dialect.spliceRequest(scanned.value, target.modelJson, false), 'latin1')] })
}

function readForm(boundary: string, { bytes, whole }: BodyStart): Result<MediaBody> {
  const watch = new FormWatch(boundary)
  const unfit = watch.push(bytes)
  if (unfit !== null) return failure(unfit)
  const { model } = watch
  if (model === null) return failure(gatewayError('invalid-request', whole ? 'The form has no field "model".'
    : `The form has no field "model" in its first ${HEAD_BYTES / 2 ** 20} MiB, which is where this gateway looks. Put "model" before the file.`, { param: 'model' }))
  return success({
    model: model.name, stream: false, user: '', counted: NONE,
    startFor: target => [bytes.subarray(0, model.start), Buffer.from(target.model), bytes.subarray(model.end)],
    inspect: whole ? null : chunk => watch.push(chunk),
  })
}
