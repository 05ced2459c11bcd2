import { gatewayError, UNKNOWN_USAGE, type GatewayError, type StreamTap, type Usage } from '@headrace/contract'
import { classifyStreamError, isError } from '../relay/classify-response.ts'
import { asObject, parseJson } from '../relay/json-value.ts'
import { readDoneReason, readUsage } from './read-usage.ts'

/** A line may have this many bytes. */
const LINE_LIMIT = 1_048_576
/** In text a quote is escaped: these are members. */
const SPECIAL = /"done"\s*:\s*true|"error"/

/** Watches one stream of JSON lines go by: whole lines are forwarded, byte for byte; the one that is `done` tells the usage. */
export class LineTap implements StreamTap {
  usage: Usage = UNKNOWN_USAGE
  finishReason = ''
  done = false
  error: GatewayError | null = null
  readonly missingDone = false
  readonly doneEvent = ''
  readonly opening = ''
  readonly atBoundary = true
  #tail = ''

  push(chunk: Buffer): string {
    if (this.error !== null || this.done) return ''
    const text = this.#tail + chunk.latin1Slice()
    const end = text.lastIndexOf('\n') + 1
    this.#tail = text.slice(end)
    if (this.#tail.length > LINE_LIMIT) {
      this.error = gatewayError('upstream-protocol', `The provider sent a line of more than ${LINE_LIMIT} bytes.`, { upstreamStatus: 200 })
      return ''
    }
    return this.#pass(text.slice(0, end))
  }

  end(): 'complete' | 'cut' {
    return this.error === null && this.done ? 'complete' : 'cut'
  }

  /** Whole lines, up to the one that is the last of the answer. */
  #pass(lines: string): string {
    let at = 0
    while (at < lines.length) {
      const end = lines.indexOf('\n', at) + 1
      const line = lines.slice(at, end)
      if (SPECIAL.test(line) && this.#isLast(line)) return lines.slice(0, this.error === null ? end : at)
      at = end
    }
    return lines
  }

  #isLast(line: string): boolean {
    const value = asObject(parseJson(line))
    if (value === null) return false
    if (isError(value['error'])) {
      this.error = classifyStreamError(value)
      return true
    }
    if (value['done'] !== true) return false
    this.done = true
    this.usage = readUsage(value)
    this.finishReason = readDoneReason(value) || 'stop'
    return true
  }
}
