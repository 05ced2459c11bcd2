import { createHmac } from 'node:crypto'

/** No secret: it shows that what comes back is what was sent, also after a restart. */
const KEY = 'headrace-sandbox'

/** What proves that a thought is the engine's own. */
export const sign = (thought: string): string => createHmac('sha256', KEY).update(thought).digest('base64')

/** A thought that the client may carry and not read. */
export function redact(thought: string): string {
  const data = Buffer.from(thought).toString('base64url')
  return `${data}.${sign(data)}`
}

export function isRedacted(text: string): boolean {
  const dot = text.indexOf('.')
  return dot > 0 && sign(text.slice(0, dot)) === text.slice(dot + 1)
}
