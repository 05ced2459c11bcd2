import type { GatewayError, Usage } from '@headrace/contract'
import { classifyStreamError } from '../relay/classify-response.ts'
import { asObject, asText, parseJson } from '../relay/json-value.ts'
import type { EventReader } from '../relay/sse-tap.ts'
import { neutralUsage, NOTHING, readFirstUsage, readUsage, type AnthropicUsage } from './read-usage.ts'

/** Token counts, a stop reason other than null, `message_stop` (and the ends of blocks), an error, an escaped ASCII letter, HTML, a CR. */
const SPECIAL = /_(?:tokens"|reason"(?! ?: ?n)|stop")|rror"|(?<=\n)<|\\u00|\r/g
const FINISH_LIMIT = 64

/** Reads usage, stop reason, errors and the end of one stream of Messages events. */
export class MessageEventReader implements EventReader {
  readonly special = SPECIAL
  readonly doneEvent = 'event: message_stop\ndata: {"type":"message_stop"}\n\n'
  readonly doneTail = /^(?:event: ?message_stop\s+)?data: ?\{\s*"type"\s*:\s*"message_stop"\s*\}\s*$/
  #usage: AnthropicUsage = NOTHING
  finishReason = ''

  get usage(): Usage {
    return neutralUsage(this.#usage)
  }

  read(data: string): 'forward' | 'done' | GatewayError {
    const value = asObject(parseJson(data))
    switch (value?.['type']) {
      case 'message_start':
        this.#usage = readFirstUsage(asObject(value['message'])?.['usage'])
        return 'forward'
      case 'message_delta': {
        this.#usage = readUsage(value['usage'], this.#usage)
        const reason = asText(asObject(value['delta'])?.['stop_reason'])
        if (reason !== '') this.finishReason = reason.slice(0, FINISH_LIMIT)
        return 'forward'
      }
      case 'message_stop': return 'done'
      case 'error': return classifyStreamError(value)
      case undefined: return value !== null && asObject(value['error']) !== null ? classifyStreamError(value) : 'forward'
      default: return 'forward'
    }
  }
}
