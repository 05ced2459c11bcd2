import { asObject, asText, parseJson } from '../relay/json-value.ts'

const MESSAGE_LIMIT = 4_096

/**
 * The provider's own words in a refusal of the request, which are about what the client sent: `{error: {message, param?}}` in OpenAI's, Anthropic's and
 * Google's shape alike. `body` is latin1.
 */
export function readRefusal(body: string): { readonly message: string, readonly param: string | null } | null {
  const error = asObject(asObject(parseJson(Buffer.from(body, 'latin1').toString('utf8')))?.['error'])
  const message = asText(error?.['message'])
  const param = asText(error?.['param'])
  return message === '' ? null : { message: message.slice(0, MESSAGE_LIMIT).toWellFormed(), param: param === '' ? null : param.slice(0, 256) }
}
