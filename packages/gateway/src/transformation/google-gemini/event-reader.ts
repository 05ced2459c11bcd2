import type { GatewayError, Usage } from '@headrace/contract'
import { UNKNOWN_USAGE } from '@headrace/contract'
import { asList, asObject, asText, parseJson } from '../relay/json-value.ts'
import type { EventReader } from '../relay/sse-tap.ts'
import { readStreamError } from './classify.ts'
import { readUsage } from './read-usage.ts'

/** Token counts, a reason why it ended or was blocked, an error, a further candidate, an escaped ASCII letter, HTML, a CR. */
const SPECIAL = /TokenCount"|Reason"|rror"|ndex": ?[1-9]|\\u00|(?<=\n)<|\r/g
/** What is worth parsing at once; counts come with nearly every event, and only the last ones are asked for. */
const TELLS = /Reason"|rror"|ndex": ?[1-9]|\\u00/
const FINISH_LIMIT = 64

/** Reads usage, the reason of the end and errors of one stream of generated content. There is no terminator: who gave a reason to end has ended. */
export class ContentReader implements EventReader {
  readonly special = SPECIAL
  readonly doneEvent = ''
  /** What is not ended by an empty line is no event for Google's own clients. */
  readonly doneTail = /$^/
  /** The last event that told counts: parsed when somebody asks. */
  #counts = ''
  #usage: Usage = UNKNOWN_USAGE
  #reason = ''
  /** Candidates other than the first that have begun and not ended. */
  readonly #open = new Set<number>()
  #firstEnded = false

  get usage(): Usage {
    if (this.#counts !== '') {
      this.#usage = readUsage(asObject(parseJson(this.#counts))?.['usageMetadata'], this.#reason !== '')
      this.#counts = ''
    }
    return this.#usage
  }

  /** '' while a candidate is still being written. */
  get finishReason(): string {
    return this.#open.size > 0 || !this.#firstEnded ? '' : this.#reason
  }

  /** `data`: one event as latin1. */
  read(data: string): 'forward' | GatewayError {
    if (data.includes('TokenCount"')) this.#counts = data
    if (!TELLS.test(data)) return 'forward'
    const value = asObject(parseJson(data))
    const error = readStreamError(value)
    if (error !== null) return error
    for (const element of asList(value?.['candidates'])) this.#candidate(asObject(element) ?? {})
    const blocked = asText(asObject(value?.['promptFeedback'])?.['blockReason'])
    if (blocked !== '') this.#end(blocked)
    return 'forward'
  }

  #candidate(candidate: Readonly<Record<string, unknown>>): void {
    const index = typeof candidate['index'] === 'number' ? candidate['index'] : 0
    const reason = asText(candidate['finishReason'])
    if (reason === '') {
      if (index > 0) this.#open.add(index)
      return
    }
    this.#open.delete(index)
    if (index === 0) this.#end(reason)
    else this.#reason ||= reason.slice(0, FINISH_LIMIT)
  }

  #end(reason: string): void {
    this.#firstEnded = true
    this.#reason = reason.slice(0, FINISH_LIMIT)
  }
}
