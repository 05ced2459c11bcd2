import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { ClientSink } from '@headrace/contract'
import { expect, test } from 'vitest'
import { Door } from './door.ts'
import { LIMITS, PATH, PLENTY, post } from './edge-harness.ts'
import { FastConnection } from './fast-connection.ts'

/** A socket that takes what the test lets it take. */
class Trickle extends EventEmitter {
  writableLength = 0
  destroyed = false
  timeouts: number[] = []
  readonly remoteAddress = '192.0.2.1'

  write(text: string): boolean {
    this.writableLength += text.length
    return false
  }

  end(text: string): void { this.write(text) }
  setTimeout(ms: number): void { this.timeouts.push(ms) }
  isPaused(): boolean { return false }
  resume(): void {}
  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
}

function streaming(): { door: Door, socket: Trickle, sink: ClientSink } {
  const sinks: ClientSink[] = []
  const door = new Door({
    routes: new Map([[PATH, { dialect: 'openai-chat', operation: 'chat' }]]), admit: () => null, memory: PLENTY, local: () => undefined, controlSocket: null,
    serve: (_dialect, _operation, _head, _body, sink) => { sinks.push(sink) }, encodeError: () => ({ status: 500, headers: '', body: '' }),
  }, LIMITS, null)
  const socket = new Trickle()
  const connection = new FastConnection(door, socket as unknown as Socket)
  socket.emit('data', Buffer.from(post('{}')))
  const sink = sinks[0] as ClientSink
  sink.begin(200, '')
  expect(door.connections.has(connection)).toBe(true)
  return { door, socket, sink }
}

const sweepAt = (door: Door, now: number): void => {
  door.now = now
  for (const connection of door.connections) connection.sweep()
}

test('a client that takes a byte now and then is let go: what waits for it has its time, and no more', () => {
  const { door, socket, sink } = streaming()
  const begun = door.now
  sink.write('x'.repeat(60_000))
  // 60,000 bytes at 2 KiB/s, and the time that a client may take nothing at all.
  const due = begun + LIMITS.stallMs + 60_000 / 2
  socket.writableLength -= 500
  sweepAt(door, due - 1_000)
  expect(socket.destroyed).toBe(false)
  sweepAt(door, due + 3_000)
  expect(socket.destroyed).toBe(true)
})

test('a client that has caught up has all the time again', () => {
  const { door, socket, sink } = streaming()
  const begun = door.now
  sink.write('x'.repeat(60_000))
  socket.writableLength = 0
  socket.emit('drain')
  sweepAt(door, begun + 1e6)
  expect(socket.destroyed).toBe(false)
  sink.write('y')
  sweepAt(door, begun + 1e6 + LIMITS.stallMs - 1_000)
  expect(socket.destroyed).toBe(false)
  sweepAt(door, begun + 2e6)
  expect(socket.destroyed).toBe(true)
})
