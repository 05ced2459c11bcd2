import { UNKNOWN_USAGE, type GatewayError, type Usage } from '@headrace/contract'
import { isError } from '../relay/classify-response.ts'
import { asObject, parseJson } from '../relay/json-value.ts'
import type { EventReader } from '../relay/sse-tap.ts'
import { classifyResponseError } from './response-error.ts'
import { finishReasonOf } from './json-usage.ts'
import { readUsage } from './read-usage.ts'

/** Token counts (every event with a whole response has them), an error, an escaped ASCII letter, a terminator, HTML, a CR. */
const SPECIAL = /_tokens"|rror"|DONE]|(?<=\n)<|\\u00|\r/g

/** Reads usage, status and errors of one stream of Responses events. OpenAI ends a stream without a terminator; others send `[DONE]`. */
export class ResponseEventReader implements EventReader {
  readonly special = SPECIAL
  readonly doneEvent = ''
  readonly doneTail = /^data: ?\[DONE\]\s*$/
  usage: Usage = UNKNOWN_USAGE
  finishReason = ''
  /** The event with which the response began. */
  opening = ''

  read(data: string): 'forward' | 'done' | GatewayError {
    if (data.trim() === '[DONE]') return this.finishReason === '' ? 'forward' : 'done'
    const value = asObject(parseJson(data))
    if (value === null) return 'forward'
    switch (value['type']) {
      case 'response.created':
        this.opening = `data: ${data}\n\n`
        return 'forward'
      case 'response.completed':
      case 'response.incomplete': {
        const response = asObject(value['response']) ?? {}
        this.usage = readUsage(response['usage'])
        this.finishReason = finishReasonOf(response) || 'completed'
        return 'forward'
      }
      case 'response.failed': return classifyResponseError(asObject(value['response'])?.['error'])
      case 'error': return classifyResponseError(value['error'] ?? value)
      case undefined: return isError(value['error']) ? classifyResponseError(value['error']) : 'forward'
      default: return 'forward'
    }
  }
}
