import { gatewayError, type GatewayError } from '@headrace/contract'

/** Bytes of a part's headers, and of a model's name, at most. */
const HEAD_BYTES = 8_192
const NAME_BYTES = 1_024
const JOINED_BYTES = 4_096
const BOUNDARY = /^multipart\/form-data\s*;(?:.*;)?\s*boundary\s*=\s*(?:"([^"\\]{1,70})"|([^\s;"]{1,70}))\s*(?:;.*)?$/i
const NAME = /^content-disposition[ \t]*:[^\r\n]*?;[ \t]*name[ \t]*=[ \t]*(?:"([^"\r\n]*)"|([^\s;"]+))/im
const EMPTY = Buffer.alloc(0)

/** The model's name in a form, and where it stands: bytes from the form's beginning, `end` not included. */
export interface FormModel { readonly name: string, readonly start: number, readonly end: number }

/** The boundary of a form (RFC 7578, RFC 2046 5.1.1); null = it is no form. */
export function boundaryOf(contentType: string): string | null {
  const match = BOUNDARY.exec(contentType)
  return match === null ? null : match[1] ?? match[2] ?? null
}

/**
 * Reads a `multipart/form-data` body as it goes by, for its one field `model`: holds no more than a part's headers, and no part of a file. What two readers could
 * take for two different models is refused: a second such field, names in spellings of which readers think differently, and lines that only begin with the boundary.
 */
export class FormWatch {
  /** Null = it has not come yet. */
  model: FormModel | null = null
  readonly #delimiter: Buffer
  #place: 'data' | 'head' | 'model' | 'end' = 'data'
  /** What has not been understood yet, and where it begins. The line break before the first delimiter is ours. */
  #rest: Buffer = Buffer.from('\r\n')
  #at = -2

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
  }

  /** All of the form has been seen. */
  get ended(): boolean {
    return this.#place === 'end'
  }

  /** Null = so far so good. */
  push(chunk: Buffer): GatewayError | null {
    for (let at = 0; at < chunk.length && this.#place !== 'end';) {
      this.#leaveSeam(chunk.subarray(at, at + this.#delimiter.length))
      // What is left of the last one is joined to a small piece only: a large chunk is not copied.
      const end = this.#rest.length === 0 ? chunk.length : Math.min(chunk.length, at + JOINED_BYTES)
      const error = this.#take(chunk.subarray(at, end))
      if (error !== null) return error
      at = end
    }
    return null
  }

  /** No delimiter begins in what is left of the last chunk of a part's data: it is through. */
  #leaveSeam(next: Buffer): void {
    if (this.#place !== 'data' || next.length < this.#delimiter.length || this.#rest.length >= this.#delimiter.length) return
    if (!Buffer.concat([this.#rest, next]).includes(this.#delimiter)) this.#skip(this.#rest.length)
  }

  #take(piece: Buffer): GatewayError | null {
    this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    for (;;) {
      const step = this.#place === 'head' ? this.#readHead() : this.#readData()
      if (step === 'more') {
        // Nobody keeps a chunk for its last bytes.
        this.#rest = Buffer.from(this.#rest)
        return null
      }
      if (step !== 'on') return step
    }
  }

  #readData(): GatewayError | 'on' | 'more' {
    if (this.#place === 'end') return 'more'
    const end = this.#rest.indexOf(this.#delimiter)
    if (this.#place === 'model') {
      if ((end < 0 ? this.#rest.length : end) > NAME_BYTES + this.#delimiter.length) return unfit(`The form's field "model" is longer than ${NAME_BYTES} bytes.`)
      if (end < 0) return 'more'
      this.model = { name: this.#rest.utf8Slice(0, end), start: this.#at, end: this.#at + end }
    }
    if (end >= 0) {
      this.#skip(end + this.#delimiter.length)
      this.#place = 'head'
      return 'on'
    }
    this.#skip(Math.max(0, this.#rest.length - this.#delimiter.length + 1))
    return 'more'
  }

  #readHead(): GatewayError | 'on' | 'more' {
    const rest = this.#rest
    if (rest.length < 2) return 'more'
    const start = rest.latin1Slice(0, 2)
    if (start === '--') {
      this.#skip(rest.length)
      this.#place = 'end'
      return 'more'
    }
    if (start !== '\r\n') return unfit('A line of the form begins with its boundary and goes on otherwise.')
    const end = rest.indexOf('\r\n\r\n')
    if ((end < 0 ? rest.length : end) > HEAD_BYTES) return unfit(`The headers of a part of the form are longer than ${HEAD_BYTES} bytes.`)
    if (end < 0) return 'more'
    const head = rest.latin1Slice(0, end)
    const match = NAME.exec(head)
    const name = match?.[1] ?? match?.[2]
    if (name === undefined || /[\\%]/.test(name) || /;[ \t]*name\*/i.test(head) || /\r\n[ \t]/.test(head) || (head.match(/content-disposition/gi) ?? []).length > 1) return unfit('A part of the form has no plain name: content-disposition: form-data; name="...".')
    const isModel = name.trim().toLowerCase() === 'model'
    if (isModel && this.model !== null) return unfit('The form has more than one field "model".', 'model')
    this.#skip(end + 4)
    // The line break after the headers begins the next delimiter where the part is empty.
    if (!isModel) {
      this.#rest = Buffer.concat([Buffer.from('\r\n'), this.#rest])
      this.#at -= 2
    }
    this.#place = isModel ? 'model' : 'data'
    return 'on'
  }

  #skip(bytes: number): void {
    this.#rest = bytes >= this.#rest.length ? EMPTY : this.#rest.subarray(bytes)
    this.#at += bytes
  }
}

const unfit = (message: string, param: string | null = null): GatewayError => gatewayError('invalid-request', message, param === null ? {} : { param })
