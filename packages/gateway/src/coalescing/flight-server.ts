import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Flight } from './flight.ts'
import { dataFrame, FrameCutter, frameData, GONE, JOIN } from './flight-wire.ts'
import { RemoteReader } from './remote-reader.ts'

/** Connections of other workers at a time: one for each flight that they join. */
const MAX_CONNECTIONS = 10_000

/** Where other workers join what this one runs: a unix socket in a directory that only this user's processes reach. */
export class FlightServer {
  readonly path: string
  readonly #find: (key: string) => Flight | null
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  /** `find`: the flight that this worker leads, by its key. Listens at once; a socket file that is there is of a dead process. */
  constructor(path: string, find: (key: string) => Flight | null) {
    this.path = path
    this.#find = find
    this.#server = createServer(socket => this.#serve(socket))
    this.#server.maxConnections = MAX_CONNECTIONS
    // Without it the others make calls of their own.
    this.#server.on('error', () => {})
    if (process.platform !== 'win32') rmSync(path, { force: true })
    this.#server.listen(path).unref()
  }

  /** Those who read here. */
  get connections(): number {
    return this.#sockets.size
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    const cutter = new FrameCutter((kind, content) => {
      const flight = kind === JOIN ? this.#find(frameData(JOIN, content).key) : null
      if (flight === null) socket.end(dataFrame(GONE, {}))
      else new RemoteReader(socket, flight).join()
    })
    socket.on('data', (chunk: Buffer) => cutter.push(chunk))
  }
}
