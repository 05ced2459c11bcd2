import { EMPTY_HEAD, type ClientSink, type ContextPlace } from '@headrace/contract'
import { eventLogId, LOG_ENDED } from './event-log.ts'
import { sequenceOf, splitEvents } from './response-events.ts'
import { settleEvents, type RunKey } from './settle-run.ts'

const EVENTS = 'content-type: text/event-stream; charset=utf-8\r\ncache-control: no-store\r\n'
/** One question at the owner waits so long; then it is looked whether anybody still runs the response, ms. */
const WAIT_MS = 1_000
/** After so many of them in a row a comment keeps the connection alive. */
const QUIET_WAITS = 15

/** Tells a client the events of a response in the background behind the one of this number, those to come too, until the last. The first client of a response hears of them in the same way as any that comes later. */
export function followEvents(key: RunKey, after: number, sink: ClientSink, headers = ''): void {
  const { owner, tenant, id } = key
  const log = eventLogId(id)
  let over = false
  let drained = (): void => {}
  const stop = (): void => {
    over = true
    drained()
  }
  sink.listener = { onDrain: () => drained(), onClose: stop, onShutdown: () => { stop(); sink.abort() } }
  sink.begin(200, EVENTS + headers)
  void follow().catch(() => { if (!over) sink.abort() })

  async function follow(): Promise<void> {
    let place: ContextPlace = { seq: 0, head: EMPTY_HEAD }
    for (let quiet = 0; !over; ) {
      const reading = await owner.read(tenant, log, place)
      if (over) return
      // Deleted.
      if (reading === null) return sink.abort()
      const { state: { seq, head, version, settings }, items } = reading
      place = { seq, head }
      if (items.length > 0) await tell(items.flatMap(({ bytes }) => splitEvents(bytes.latin1Slice())).filter(event => sequenceOf(event) > after).join(''))
      if (settings === LOG_ENDED) return end()
      if (await owner.next(tenant, log, version, WAIT_MS) !== null || over) quiet = 0
      else {
        await settleEvents(key)
        if (++quiet % QUIET_WAITS === 0) await tell(': still here\n\n')
      }
    }
  }

  async function tell(events: string): Promise<void> {
    if (over || events === '' || sink.write(events)) return
    await new Promise<void>(resolve => { drained = resolve })
  }

  function end(): void {
    if (over) return
    over = true
    sink.end()
  }
}
