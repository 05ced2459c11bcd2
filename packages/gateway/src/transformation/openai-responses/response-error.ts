import { gatewayError, type GatewayError } from '@headrace/contract'
import { classifyStreamError } from '../relay/classify-response.ts'
import { asObject, asText } from '../relay/json-value.ts'

/** Codes of `response.error` that are about what the client sent. */
const CLIENT_FAULT = /^(?:invalid_|image_|unsupported_|empty_|failed_to_download_|bio_policy|misalignment_policy)/

/** The error of a response that failed, or of an `error` event. The provider's own text is not repeated. */
export function classifyResponseError(error: unknown): GatewayError {
  const code = asText(asObject(error)?.['code'])
  if (!CLIENT_FAULT.test(code)) return classifyStreamError({ error })
  return gatewayError('upstream-invalid-request', `The provider refused the request (${code.slice(0, 64).replace(/[^\w-]/g, '_')}).`, { upstreamStatus: 200 })
}
