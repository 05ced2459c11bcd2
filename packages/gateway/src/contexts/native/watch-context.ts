import { etagOf, type ClientSink, type ContextOwner, type ContextReading } from '@headrace/contract'
import { itemsJson, stateJson } from './context-json.ts'

const EVENTS = 'content-type: text/event-stream; charset=utf-8\r\ncache-control: no-store\r\n'
/** One question at the owner waits so long; then a comment keeps the connection alive, ms. */
const WAIT_MS = 15_000

/**
 * Tells a client of every change of a context, as server-sent events: `change` with the items that were added since the one before (`from` counts those it has),
 * `deleted` when it is gone. `id` is the ETag, so that a client that comes back with `Last-Event-ID` misses nothing. `quiet`: what is there already is not told.
 */
export function watchContext(owner: ContextOwner, { tenant, id }: { readonly tenant: string, readonly id: string }, first: ContextReading, quiet: boolean, sink: ClientSink): void {
  let over = false
  let drained = (): void => {}
  const stop = (): void => {
    over = true
    drained()
  }
  sink.listener = { onDrain: () => drained(), onClose: stop, onShutdown: () => { stop(); sink.end() } }
  sink.begin(200, EVENTS)
  void follow().catch(() => { if (!over) sink.abort() })

  async function follow(): Promise<void> {
    let known = first.state
    await (quiet ? tell(`event: state\nid: ${etagOf(known)}\ndata: ${stateJson(known)}\n\n`) : change(first))
    while (!over) {
      await owner.next(tenant, id, known.version, WAIT_MS)
      const reading = over ? null : await owner.read(tenant, id, { etag: etagOf(known) })
      if (over) return
      if (reading === null) return end()
      await (reading.state.version === known.version ? tell(': still here\n\n') : change(reading))
      known = reading.state
    }
  }

  function change(reading: ContextReading): Promise<void> {
    return tell(`event: change\nid: ${etagOf(reading.state)}\ndata: ${itemsJson(reading)}\n\n`)
  }

  async function tell(event: string): Promise<void> {
    if (over || sink.write(event)) return
    await new Promise<void>(resolve => { drained = resolve })
  }

  function end(): void {
    over = true
    sink.write(`event: deleted\ndata: {"id":${JSON.stringify(id)},"object":"context.deleted"}\n\n`, true)
    sink.end()
  }
}
