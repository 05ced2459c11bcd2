import { gunzip, zstdDecompress, type InputType } from 'node:zlib'
import { failure, gatewayError, success, type GatewayError, type RequestHead, type Result } from '@headrace/contract'

type Unpack = (packed: InputType, options: { readonly maxOutputLength: number }, done: (error: Error | null, body: Buffer) => void) => void

/** Codings that a request body may come in, alone (RFC 9110 8.4; RFC 8878). */
const UNPACK: ReadonlyMap<string, Unpack> = new Map<string, Unpack>([['gzip', gunzip], ['zstd', zstdDecompress]])
/** Bytes that a worker unpacks at the same time: what a client packs small must not become large everywhere at once. Others wait. */
const AT_ONCE = 64 * 2 ** 20
/** Deflate's own bound: so many bytes come of one (zlib's technical notes). Zstandard has none. */
const MOST_OF_ONE = 1_032

let unpacking = 0
const waiting: { readonly most: number, readonly go: () => void }[] = []

/** An unknown coding is refused before the body is read (RFC 9110 15.5.16). Null = it can be read. */
export function refuseCoding(head: RequestHead): GatewayError | null {
  const coding = codingOf(head)
  return coding === '' || UNPACK.has(coding) ? null : gatewayError('unsupported-media-type', 'Request bodies are taken as they are, or with Content-Encoding gzip or zstd.')
}

/** The coding of a body; '' = none. The fast path takes no request with such a header, so that plain ones pay nothing. */
export function codingOf(head: RequestHead): string {
  const coding = head.header('content-encoding')?.toLowerCase() ?? ''
  return coding === 'identity' ? '' : coding
}

/** Unpacks a body beside the event loop, in its turn. Errors: it becomes larger than `limit` bytes, or is not what it says. */
export async function unpackBody(coding: string, packed: Buffer, limit: number): Promise<Result<Buffer>> {
  const unpack = UNPACK.get(coding)
  if (unpack === undefined) return failure(gatewayError('unsupported-media-type', 'Request bodies are taken as they are, or with Content-Encoding gzip or zstd.'))
  const most = coding === 'gzip' ? Math.min(limit, packed.length * MOST_OF_ONE) : limit
  await room(most)
  try {
    return success(await new Promise<Buffer>((resolve, reject) => unpack(packed, { maxOutputLength: limit }, (error, body) => error === null ? resolve(body) : reject(error))))
  } catch (error) {
    const tooLarge = error instanceof RangeError || (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
    return failure(tooLarge ? gatewayError('body-too-large', `The request body is larger than this gateway takes (${limit} bytes) when it is unpacked.`)
      : gatewayError('invalid-request', `The body is not what its Content-Encoding says (${coding}).`))
  } finally {
    unpacking -= most
    for (let next = waiting[0]; next !== undefined && fits(next.most); next = waiting[0]) {
      waiting.shift()
      unpacking += next.most
      next.go()
    }
  }
}

const fits = (most: number): boolean => unpacking === 0 || unpacking + most <= AT_ONCE

/** Resolves when so many bytes more may be unpacked, first come, first served. Bodies that wait are bounded as all bodies are. */
async function room(most: number): Promise<void> {
  if (waiting.length > 0 || !fits(most)) return new Promise(resolve => waiting.push({ most, go: resolve }))
  unpacking += most
}
