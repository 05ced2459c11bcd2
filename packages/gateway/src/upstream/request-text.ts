import type { UpstreamRequest } from '@headrace/contract'

/** Bodies up to this many bytes are joined to the head as one latin1 string: one write. Larger ones are not worth the copy. */
const JOIN_LIMIT = 65_536

type OnWritten = (error?: Error | null) => void

/** The part of a socket that is written to. */
interface Writable {
  write(data: string, encoding: 'latin1', onWritten?: OnWritten): boolean
  write(data: Buffer, onWritten?: OnWritten): boolean
  cork(): void
  uncork(): void
}

/** Writes a request whole, framing included, in one go. `credential` is a rendered header line or ''; `onWritten`: the kernel has it all. */
export function writeRequest(socket: Writable, request: UpstreamRequest, credential: string, onWritten?: OnWritten): void {
  const { body } = request
  const head = `${request.method} ${request.path} HTTP/1.1\r\nhost: ${request.origin.authority}\r\n${request.headers}${credential}`
  if (request.method === 'GET') {
    socket.write(`${head}\r\n`, 'latin1', onWritten)
    return
  }
  const framed = `${head}content-length: ${body.length}\r\n\r\n`
  if (body.length <= JOIN_LIMIT) {
    socket.write(framed + (typeof body === 'string' ? body : body.toString('latin1')), 'latin1', onWritten)
    return
  }
  socket.cork()
  socket.write(framed, 'latin1')
  if (typeof body === 'string') socket.write(body, 'latin1', onWritten)
  else socket.write(body, onWritten)
  socket.uncork()
}

/** Targets have few paths: the last one that was good needs no second look. */
let goodPath = ''

function isPath(path: string): boolean {
  const good = /^\/[\x21-\x7e]*$/.test(path)
  if (good) goodPath = path
  return good
}

/**
 * What must not leave, in words, or null. Paths and header lines are rendered by us, so a hit is a bug of ours; the check is what keeps such
 * a bug from becoming a second, smuggled request (ids and names from clients end up in both).
 */
export function requestProblem(request: Pick<UpstreamRequest, 'path' | 'headers'>): string | null {
  if (request.path !== goodPath && !isPath(request.path)) return 'its path holds blanks, control or non-ASCII characters'
  const { headers } = request
  if (headers !== '' && !headers.endsWith('\r\n')) return 'its header lines do not end in CRLF'
  if (headers.startsWith('\r\n') || headers.includes('\r\n\r\n')) return 'its header lines hold an empty line'
  return null
}
