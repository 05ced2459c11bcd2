import { connect } from 'node:net'
import { parseAnswer, renderRequest, type RawRequest } from './http-client.ts'

/** What clients met. */
export interface ChurnResult {
  /** Whole answers with status 200. */
  answered: number
  connections: number
  /** Requests that were told that their connection ends. */
  announced: number
  refused: number
  reset: number
  /** Everything else that is no whole 200: other errors, cut answers, connections that ended without an answer. */
  failed: string[]
}

export interface Churn {
  readonly result: ChurnResult
  stop(): Promise<ChurnResult>
}

export interface ChurnOptions {
  readonly port: () => number
  readonly request: (client: number, turn: number) => RawRequest
  readonly clients: number
  /** Requests on one connection at most, by client: 1 = a new connection for each. */
  readonly perConnection: (client: number) => number
}

/** Clients that ask again and again, on new connections and kept ones, and count every connection that did not end as HTTP says it may. None tries again. */
export function churn(options: ChurnOptions): Churn {
  const result: ChurnResult = { answered: 0, connections: 0, announced: 0, refused: 0, reset: 0, failed: [] }
  let stopping = false
  const client = async (id: number): Promise<void> => {
    for (let turn = 0; !stopping && turn < 1_000_000;) turn += await oneConnection(options, id, turn, result, () => stopping)
  }
  const clients = Array.from({ length: options.clients }, (_, id) => client(id))
  return {
    result,
    async stop() {
      stopping = true
      await Promise.all(clients)
      return result
    },
  }
}

/** Resolves, when the connection has ended, with how many requests it carried (at least 1, so that a client that meets nothing but refusals goes on). */
function oneConnection(options: ChurnOptions, client: number, firstTurn: number, result: ChurnResult, stopping: () => boolean): Promise<number> {
  return new Promise(resolve => {
    const socket = connect(options.port(), '127.0.0.1')
    let sent = 0
    let waiting = false
    let told = false
    let chunks: Buffer[] = []
    const ask = (): void => {
      waiting = true
      chunks = []
      socket.write(renderRequest(options.request(client, firstTurn + sent++)))
    }
    socket.on('connect', () => {
      result.connections++
      ask()
    })
    socket.on('data', (data: Buffer) => {
      chunks.push(data)
      const answer = parseAnswer(Buffer.concat(chunks))
      if (!answer.complete) return
      waiting = false
      if (answer.status === 200) result.answered++
      else result.failed.push(answer.head)
      told = answer.headers.get('connection') === 'close'
      if (told) result.announced++
      if (told || stopping() || sent >= options.perConnection(client)) socket.end()
      else ask()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') result.refused++
      else if (error.code === 'ECONNRESET' || error.code === 'EPIPE') result.reset++
      else result.failed.push(String(error))
      waiting = false
    })
    socket.on('close', () => {
      if (waiting) result.failed.push(`The connection ended without an answer to request ${sent}: ${Buffer.concat(chunks).latin1Slice(0, 200)}`)
      resolve(Math.max(1, sent))
    })
  })
}
