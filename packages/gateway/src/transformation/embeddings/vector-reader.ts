import { scanMembers } from '@headrace/bytes'
import { failure, gatewayError, success, type ListDecoder, type ListTold, type GatewayError, type Result } from '@headrace/contract'
import { asObject, parseJson } from '../relay/json-value.ts'
import { ElementCutter } from '../lists/element-cutter.ts'

/** Characters of one vector in an answer (65,536 numbers), and of all else. */
const VECTOR_LIMIT = 2 ** 21
const REST_LIMIT = 2 ** 24
/** What an array of numbers consists of. */
const NUMBERS = /^\[[-+\d.eE,\s]+\]$/

/** Where a format's answers have their vectors. */
export interface VectorPlace {
  /** From the root to the array of them. */
  readonly path: readonly string[]
  /** The member of an element that is its vector; null = the element is one. */
  readonly member: string | null
  /** The member of an element that has its vector in it, where it is not the element itself. */
  readonly within?: string
  /** The number of an element's tokens, where they are told one by one. */
  readonly tokens?: RegExp
  /** The member that says which input it belongs to, where there is one. */
  readonly index?: string
  /** Of the answer without its vectors. */
  readonly told: (rest: Readonly<Record<string, unknown>>, tokens: number) => ListTold
}

/** Reads answers of a format, one vector at a time. */
export class VectorReader implements ListDecoder {
  readonly #place: VectorPlace
  readonly #count: number
  readonly #names: readonly string[]
  readonly #member: RegExp
  readonly #index: RegExp | null
  readonly #cutter: ElementCutter
  #seen = 0
  #tokens = 0
  error: GatewayError | null = null

  /** `count`: vectors that are due. */
  constructor(place: VectorPlace, count: number) {
    this.#place = place
    this.#count = count
    this.#names = place.member === null ? [] : place.index === undefined ? [place.member] : [place.member, place.index]
    this.#member = new RegExp(`"${place.member ?? ''}"\\s*:\\s*\\[`)
    this.#index = place.index === undefined ? null : new RegExp(`"${place.index}"\\s*:\\s*(\\d+)`)
    this.#cutter = new ElementCutter(place.path, VECTOR_LIMIT, REST_LIMIT)
  }

  push(text: string, emit: (vector: string) => void): void {
    if (this.error !== null) return
    this.#cutter.push(text, element => {
      if (this.error !== null) return
      const vector = this.#vectorOf(element)
      if (vector === null || !NUMBERS.test(vector)) this.error = protocol('The provider\'s answer holds something that is no embedding.')
      else if (this.#seen >= this.#count) this.error = protocol(`The provider answered with more embeddings than the ${this.#count} that it was asked for.`)
      else {
        this.#seen++
        this.#tokens += Number(this.#place.tokens?.exec(element)?.[1] ?? 0)
        emit(vector)
      }
    })
    if (this.#cutter.broken) this.error ??= protocol('The provider\'s answer is no list of embeddings, or one of a size that cannot be.')
  }

  end(): Result<ListTold> {
    if (this.error !== null) return failure(this.error)
    const rest = asObject(parseJson(this.#cutter.rest))
    if (rest === null) return failure(protocol('The provider\'s answer is not a JSON object, or not a whole one.'))
    if (this.#seen < this.#count) return failure(protocol(`The provider answered with ${this.#seen} embeddings where ${this.#count} were asked for.`))
    return success(this.#place.told(rest, this.#tokens))
  }

  /** Null = there is none, or it is another input's. */
  #vectorOf(element: string): string | null {
    const { member, within } = this.#place
    if (member === null) return element
    const holder = within === undefined ? element : memberOf(element, within)
    if (holder === null) return null
    return holder.indexOf('{', 1) < 0 ? this.#flatVectorOf(holder) : this.#nestedVectorOf(holder)
  }

  /** In an object without objects no text but the member's own name is followed by a colon and a bracket: it need not be scanned, which takes most of the time. */
  #flatVectorOf(element: string): string | null {
    const place = this.#member.exec(element)
    if (place === null) return null
    const start = place.index + place[0].length - 1
    const index = this.#index === null ? null : this.#index.exec(element)
    return index !== null && Number(index[1]) !== this.#seen ? null : element.slice(start, element.indexOf(']', start) + 1)
  }

  #nestedVectorOf(element: string): string | null {
    const scan = scanMembers(Buffer.from(element, 'latin1'), element, this.#names, 8)
    if (scan.status !== 'ok') return null
    const [start = -1, index = -1] = scan.starts
    const [end = -1, indexEnd = -1] = scan.ends
    if (start < 0 || (index >= 0 && Number(element.slice(index, indexEnd)) !== this.#seen)) return null
    return element.slice(start, end)
  }
}

function memberOf(element: string, name: string): string | null {
  const { status, starts: [start = -1], ends: [end = -1] } = scanMembers(Buffer.from(element, 'latin1'), element, [name], 8)
  return status === 'ok' && start >= 0 ? element.slice(start, end) : null
}

const protocol = (message: string): GatewayError => gatewayError('upstream-protocol', message, { upstreamStatus: 200 })
