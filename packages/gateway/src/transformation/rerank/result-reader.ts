import { failure, gatewayError, success, type GatewayError, type ListDecoder, type ListTold, type Result } from '@headrace/contract'
import { ElementCutter } from '../lists/element-cutter.ts'
import { asCount, asObject, parseJson } from '../relay/json-value.ts'

/** Characters of one result (its document may stand in it), and of all else. */
const RESULT_LIMIT = 2 ** 22
const REST_LIMIT = 2 ** 20

/** One document's place in the order, as elements are handed on. */
export interface RerankResult { readonly index: number, readonly score: number }

/** Reads answers that have `results` with `index` and `relevance_score`, one at a time. */
export class ResultReader implements ListDecoder {
  readonly #documents: number
  readonly #told: (rest: Readonly<Record<string, unknown>>) => ListTold
  readonly #cutter = new ElementCutter(['results'], RESULT_LIMIT, REST_LIMIT)
  #seen = 0
  error: GatewayError | null = null

  /** `documents`: how many there are. `told`: of the answer without its results. */
  constructor(documents: number, told: (rest: Readonly<Record<string, unknown>>) => ListTold) {
    this.#documents = documents
    this.#told = told
  }

  push(text: string, emit: (element: string) => void): void {
    if (this.error !== null) return
    this.#cutter.push(text, element => {
      const value = asObject(parseJson(element))
      const index = asCount(value?.['index'])
      const score = value?.['relevance_score']
      if (index < 0 || index >= this.#documents || typeof score !== 'number') this.error ??= protocol('The provider\'s answer names no document of the request, or no score.')
      else if (this.error === null) {
        this.#seen++
        emit(JSON.stringify({ index, score } satisfies RerankResult))
      }
    })
    if (this.#cutter.broken) this.error ??= protocol('The provider\'s answer is no list of results, or one of a size that cannot be.')
  }

  end(): Result<ListTold> {
    if (this.error !== null) return failure(this.error)
    const rest = asObject(parseJson(this.#cutter.rest))
    if (rest === null) return failure(protocol('The provider\'s answer is not a JSON object, or not a whole one.'))
    return this.#seen === 0 ? failure(protocol('The provider\'s answer has no results.')) : success(this.#told(rest))
  }
}

const protocol = (message: string): GatewayError => gatewayError('upstream-protocol', message, { upstreamStatus: 200 })
