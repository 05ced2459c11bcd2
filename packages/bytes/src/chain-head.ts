import { hash } from 'node:crypto'

/** The head of a chain after one more element: lower-case hex SHA-256 over the head before it (32 bytes) and the element's bytes. A string is taken as UTF-8. */
export function chainHead(head: string, element: Buffer | string): string {
  return hash('sha256', Buffer.concat([Buffer.from(head, 'hex'), typeof element === 'string' ? Buffer.from(element) : element]), 'hex')
}
