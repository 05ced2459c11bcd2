export interface ServerEvent { readonly event: string, readonly data: string }

/** The events of an answer (server-sent events as Headrace writes them: one `data` line each), as they come. Ends with the answer. */
export async function* readEvents(answer: Response): AsyncGenerator<ServerEvent, void, undefined> {
  let pending = ''
  for await (const text of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    pending += text
    const events = pending.split('\n\n')
    pending = events.pop() ?? ''
    for (const lines of events) {
      const field = (name: string): string => lines.split('\n').find(line => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
      if (field('data') !== '') yield { event: field('event'), data: field('data') }
    }
  }
}
