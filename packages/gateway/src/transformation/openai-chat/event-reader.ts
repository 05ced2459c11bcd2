import { UNKNOWN_USAGE, type GatewayError, type Usage } from '@headrace/contract'
import { classifyStreamError, isError } from '../relay/classify-response.ts'
import { asObject, parseJson } from '../relay/json-value.ts'
import type { EventReader } from '../relay/sse-tap.ts'
import { lastFinishOf, readJsonUsage } from './json-usage.ts'
import { readUsage } from './read-usage.ts'

/** Token counts, a finish reason other than null, an error, an escaped ASCII letter (it may stand in a key), the terminator, HTML, a CR. */
const SPECIAL = /_(?:tokens"|reason"(?! ?: ?n))|rror"|DONE]|(?<=\n)<|\\u00|\r/g

/** An error, an escape, several choices, an empty list of choices with blanks: the event is parsed. */
const UNUSUAL = /rror"|\\|"index": ?[1-9]|"choices"(?!:\[[\]{])/

/** Reads usage, finish reasons, errors and the terminator of one stream of chat completion chunks. */
export class ChunkReader implements EventReader {
  readonly special = SPECIAL
  readonly doneEvent = 'data: [DONE]\n\n'
  readonly doneTail = /^data: ?\[DONE\]\s*$/
  readonly #withholdUsage: boolean
  usage: Usage = UNKNOWN_USAGE
  finishReason = ''

  constructor(withholdUsage: boolean) {
    this.#withholdUsage = withholdUsage
  }

  /** Most events are read where they stand; what is spelled oddly is parsed. */
  read(data: string): 'forward' | 'withhold' | 'done' | GatewayError {
    if (data.trim() === '[DONE]') return 'done'
    if (!UNUSUAL.test(data)) {
      const { usage, finishReason } = readJsonUsage(data)
      if (finishReason !== '') this.finishReason = finishReason
      if (usage === UNKNOWN_USAGE) return 'forward'
      this.usage = usage
      return this.#withholdUsage && data.includes('"choices":[]') ? 'withhold' : 'forward'
    }
    const value = asObject(parseJson(data))
    if (value === null) return 'forward'
    if (isError(value['error']) || (value['type'] === 'error' && value['choices'] === undefined)) return classifyStreamError(value)
    const choices = value['choices']
    const finish = lastFinishOf(choices)
    if (finish !== '') this.finishReason = finish
    const usage = asObject(value['usage'])
    if (usage === null) return 'forward'
    this.usage = readUsage(usage)
    return this.#withholdUsage && Array.isArray(choices) && choices.length === 0 ? 'withhold' : 'forward'
  }
}
