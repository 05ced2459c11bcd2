import type { Call } from '@headrace/contract'
import { fieldName } from './field-names.ts'
import { InvalidRequest } from './field-reader.ts'

/** An answer that lacks what was asked of it is worse than none: for a target that gives one answer per request. */
export function refuseChoices(call: Call): void {
  if (call.choices <= 1) return
  const field = fieldName(call.dialect, 'choices')
  throw new InvalidRequest(`The model that this request goes to gives one answer per request: send several requests, or name another model. ("${field}" is ${call.choices}.)`, field)
}

/** The same, for a target that tells no log probabilities. */
export function refuseLogprobs(call: Call): void {
  if (call.extras.get('logprobs') !== 'true') return
  throw new InvalidRequest('The model that this request goes to tells no log probabilities: leave them out, or name another model.', 'logprobs')
}
