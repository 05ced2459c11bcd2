import { JsonView } from '@headrace/bytes'
import { failure, gatewayError, success, type Result } from '@headrace/contract'

/** What a request of Responses says of what is kept. */
export interface StateAsked {
  readonly body: JsonView
  readonly store: boolean
  /** '' = none is named. */
  readonly previous: string
  readonly conversation: string
  readonly background: boolean
}

/** Of ids that are repeated. */
const ID_LIMIT = 128
const NO_STORE = /"store"\s*:\s*false/

/** Whether a request asks for anything to be kept: without `store` it does. Latin1. Cheap where the answer is yes. */
export const keepsNothing = (body: string): boolean => NO_STORE.test(body) && JsonView.parse(body)?.get('store').boolean === false

export function readState(text: string): Result<StateAsked> {
  const body = JsonView.parse(text)
  if (body === null) return failure(gatewayError('invalid-request', 'The body is not valid JSON.'))
  const store = body.get('store')
  if (store.given && store.boolean === null) return failure(gatewayError('invalid-request', '"store" must be true or false.', { param: 'store' }))
  const previous = body.get('previous_response_id'), conversation = body.get('conversation')
  if (previous.given && previous.string === null) return failure(gatewayError('invalid-request', '"previous_response_id" must be a string.', { param: 'previous_response_id' }))
  const conversed = conversation.string ?? conversation.get('id').string
  if (conversation.given && conversed === null) return failure(gatewayError('invalid-request', '"conversation" must be an id, or an object with an "id".', { param: 'conversation.id' }))
  if (previous.given && conversation.given) return failure(gatewayError('invalid-request', 'Mutually exclusive parameters: ensure you are only providing one of: \'previous_response_id\' or \'conversation\'.'))
  const background = body.get('background').boolean === true
  if (background && store.boolean === false) return failure(gatewayError('invalid-request', 'A response in the background is kept: it takes "store": true.', { param: 'store' }))
  return success({ body, store: store.boolean ?? true, previous: previous.string ?? '', conversation: conversed ?? '', background })
}

/** An id as it is repeated in an error. */
export const printable = (id: string): string => id.slice(0, ID_LIMIT).replace(/[^\w.-]/g, '?')

/** What does not go to a provider: state is kept here. */
const OWN: ReadonlySet<string> = new Set(['input', 'previous_response_id', 'conversation', 'store', 'background'])
/** A response in the background comes as a stream, whatever its client wants to see of it: so it is known how far it is. */
const BACKGROUND = [['stream', 'true']] as const
const SEALED = '"reasoning.encrypted_content"'

/**
 * The request as a provider gets it: with the whole conversation, and nothing to be kept there. `thoughts`: they are asked for, sealed, since only so they come
 * back. `head` is the same without the conversation, which is the last of it.
 */
export function assembleResponse({ body, background }: StateAsked, input: string, thoughts: boolean): { readonly head: string, readonly whole: string } {
  const own = [...body.members()].filter(([name]) => !OWN.has(name)).map(([name, value]) => [name, value.raw] as const)
  const members = background ? [...own.filter(([name]) => name !== 'stream'), ...BACKGROUND] : own
  const include = body.get('include')
  const others = thoughts && !include.elements().some(({ raw }) => raw === SEALED)
    ? [...members.filter(([name]) => name !== 'include'), ['include', `[${[...include.elements().map(({ raw }) => raw), SEALED].join()}]`] as const] : members
  const head = `{${others.map(([name, raw]) => `${JSON.stringify(name)}:${raw},`).join('')}"store":false,"input":[`
  return { head: `${head}]}`, whole: `${head}${input}]}` }
}
