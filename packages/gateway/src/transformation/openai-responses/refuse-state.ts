import { gatewayError, type GatewayError } from '@headrace/contract'
import { parseJson } from '../relay/json-value.ts'

/** Members that ask for something which only a store of answers can give. */
export const STATE_MEMBERS = ['previous_response_id', 'conversation', 'background'] as const

/** Characters of an id that are repeated. */
const ID_LIMIT = 128

/**
 * Answers are not kept: what builds on a kept one is refused as OpenAI refuses it, whoever the provider is. Nor may a client go on with an answer that the
 * provider keeps: the gateway's clients share the provider's account, and could read each other's (invariant 8). An answer in the background would never be
 * seen again, nor paid for. Values are JSON texts; '' = absent.
 */
export function refuseState(values: readonly string[]): GatewayError | null {
  const [previous = '', conversation = '', background = ''] = values
  if (isGiven(previous)) return gatewayError('invalid-request', `Previous response with id '${idOf(previous)}' not found.`, { param: 'previous_response_id' })
  if (isGiven(conversation)) return gatewayError('not-found', `Conversation with id '${idOf(conversation)}' not found.`, { param: 'conversation' })
  return background === 'true' ? gatewayError('invalid-request', 'Background mode is not supported here. Leave "background" out, and wait for the answer.', { param: 'background' }) : null
}

const isGiven = (value: string): boolean => value !== '' && value !== 'null'

/** A string, or an object with an `id`; latin1. */
function idOf(value: string): string {
  const parsed = parseJson(value)
  const id = typeof parsed === 'object' && parsed !== null && 'id' in parsed ? parsed.id : parsed
  return typeof id === 'string' ? id.slice(0, ID_LIMIT).replace(/[^\w.-]/g, '?') : '?'
}
