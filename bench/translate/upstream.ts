import { createServer, type Socket } from 'node:net'

/** What each provider of the bench says, latin1, by port: to a request that asks for a stream, to one that does not, and to one for embeddings. */
export interface UpstreamScript { readonly providers: readonly { readonly port: number, readonly json: string, readonly stream: string, readonly vectors: string }[] }

const HEAD_END = Buffer.from('\r\n\r\n')

/** Answers every request on one connection with the same bytes, so that nothing but the gateway is measured. */
function serve(socket: Socket, json: Buffer, stream: Buffer, vectors: Buffer): void {
  let held: Buffer = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    for (;;) {
      const end = held.indexOf(HEAD_END)
      if (end < 0) return
      const head = held.latin1Slice(0, end)
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      if (held.length < end + 4 + length) return
      const line = head.slice(0, head.indexOf('\r'))
      const asksForStream = line.includes('stream') || held.subarray(end, end + 4 + length).includes('"stream":true')
      held = held.subarray(end + 4 + length)
      socket.write(/embed/i.test(line) ? vectors : asksForStream ? stream : json)
    }
  })
}

/** A process of its own: the script comes as its first message. */
process.once('message', (script: UpstreamScript) => {
  for (const { port, json, stream, vectors } of script.providers) {
    const [whole, parts, lists] = [Buffer.from(json, 'latin1'), Buffer.from(stream, 'latin1'), Buffer.from(vectors, 'latin1')] as const
    createServer(socket => serve(socket, whole, parts, lists)).listen(port, '127.0.0.1')
  }
})
process.once('disconnect', () => process.exit(0))
