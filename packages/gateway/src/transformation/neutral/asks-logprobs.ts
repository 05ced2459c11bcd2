import type { JsonText } from '@headrace/contract'

/** `include` of a Responses request that wants log probabilities and nothing else, as its decoder writes it. */
export const ONLY_LOGPROBS: JsonText = '["message.output_text.logprobs"]'

/** The client asks for log probabilities: in words of Chat Completions, or of Responses. */
export const asksLogprobs = (extras: ReadonlyMap<string, JsonText>): boolean =>
  extras.get('logprobs') === 'true' || extras.get('include')?.includes('"message.output_text.logprobs"') === true
