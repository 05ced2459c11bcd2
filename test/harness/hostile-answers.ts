import { brotliCompressSync, gzipSync } from 'node:zlib'
import type { Socket } from 'node:net'
import { completion, DONE, finishEvent, textEvent } from './completions.ts'
import { chunk, LAST_CHUNK, STREAM_HEAD, type Script } from './scripted-upstream.ts'

/** Answers of a provider that means harm (check U4), and what a client must get instead of one. */
export interface HostileAnswer {
  readonly name: string
  readonly script: Script
  readonly stream: boolean
  /** HTTP statuses that the client may see; a 200 must then not look whole. */
  readonly statuses: readonly number[]
}

const OK = 'HTTP/1.1 200 OK\r\n'
const JSON_HEAD = `${OK}content-type: application/json\r\n`
/** More than anything is bounded by, and more than the kernel's buffers take. */
const FLOOD = 64 * 2 ** 20

/** Writes `start`, then `piece` as fast as it is taken until `bytes` are written or the gateway has had enough. */
export function flood(start: string | Buffer, piece: string | Buffer, bytes = FLOOD): Script {
  return socket => {
    let left = bytes
    const more = (): void => {
      while (left > 0 && !socket.destroyed) {
        left -= piece.length
        if (!write(socket, piece)) return
      }
    }
    socket.on('drain', more)
    write(socket, start)
    more()
  }
}

const write = (socket: Socket, piece: string | Buffer): boolean => socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
const send = (...pieces: readonly (string | Buffer)[]): Script => socket => { for (const piece of pieces) write(socket, piece) }
const framed = (head: string, body: Buffer): Script => send(`${head}content-length: ${body.length}\r\n\r\n`, body)

/** Spaces, so that what comes out is thousand times what goes in. */
const bomb = gzipSync(Buffer.alloc(FLOOD, ' '), { level: 9 })
const chain = Array.from({ length: 20 }).reduce<Buffer>(body => gzipSync(body), gzipSync(JSON.stringify(completion('x'))))

const BROKEN = [502]
export const HOSTILE_ANSWERS: readonly HostileAnswer[] = [
  { name: 'a 64 MiB event without a line end', script: flood(`${STREAM_HEAD}4000010\r\ndata: `, 'y'.repeat(65_536)), stream: true, statuses: BROKEN },
  { name: 'a 64 MiB event of many lines', script: flood(`${STREAM_HEAD}8000000\r\n`, `data: ${'y'.repeat(1_000)}\n`.repeat(60)), stream: true, statuses: BROKEN },
  { name: 'endless headers', script: flood(OK, 'a: b\r\n'.repeat(10_000)), stream: false, statuses: BROKEN },
  { name: 'a head line without end', script: flood(`${OK}x: `, 'y'.repeat(65_536)), stream: false, statuses: BROKEN },
  { name: 'interim answers without end', script: flood('', 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(1_000)), stream: false, statuses: BROKEN },
  { name: 'a chunk extension without end', script: flood(`${OK}transfer-encoding: chunked\r\n\r\n5;`, 'y'.repeat(65_536)), stream: false, statuses: BROKEN },
  { name: 'trailers without end', script: flood(`${OK}transfer-encoding: chunked\r\n\r\n0\r\n`, 'a: b\r\n'.repeat(10_000)), stream: false, statuses: BROKEN },
  { name: 'a bad chunk', script: flood(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n`, 'y'.repeat(65_536)), stream: false, statuses: BROKEN },
  { name: 'TLS bytes on a plain connection', script: send(Buffer.from('1503010002022846', 'hex')), stream: false, statuses: BROKEN },
  { name: 'a gzip bomb', script: framed(`${JSON_HEAD}content-encoding: gzip\r\n`, bomb), stream: false, statuses: BROKEN },
  { name: 'a gzip bomb as a stream', script: send(`${OK}content-type: text/event-stream\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n`, chunk(bomb), LAST_CHUNK), stream: true, statuses: BROKEN },
  { name: 'gzip in gzip, twenty times', script: framed(`${JSON_HEAD}content-encoding: ${'gzip, '.repeat(20)}gzip\r\n`, chain), stream: false, statuses: BROKEN },
  { name: 'five thousand codings', script: framed(`${JSON_HEAD}content-encoding: ${'gzip,'.repeat(5_000)}gzip\r\n`, chain), stream: false, statuses: BROKEN },
  { name: 'a refusal compressed', script: framed(`HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ncontent-encoding: br\r\n`, brotliCompressSync('{"error":{"message":"no"}}')), stream: false, statuses: [400] },
  { name: 'a refusal without end', script: flood('HTTP/1.1 500 Bad\r\ncontent-type: application/json\r\n\r\n{"error":"', 'y'.repeat(65_536), 2 ** 40), stream: false, statuses: BROKEN },
  { name: 'a refusal of the request without end', script: flood('HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\n\r\n{"error":"', 'y'.repeat(65_536), 2 ** 40), stream: false, statuses: [400] },
  { name: 'binary instead of events', script: flood(`${STREAM_HEAD}4000010\r\n`, Buffer.alloc(65_536, 0)), stream: true, statuses: BROKEN },
  { name: 'a JSON answer nested a million deep', script: framed(JSON_HEAD, Buffer.from('{"a":'.repeat(20_000) + '['.repeat(1_000_000))), stream: false, statuses: [200, 502] },
  { name: 'an event nested a million deep', script: send(STREAM_HEAD, chunk(textEvent('a')), chunk(`data: {"usage":${'['.repeat(900_000)}\n\n`), chunk(finishEvent() + DONE), LAST_CHUNK), stream: true, statuses: [200, 502] },
]
