import { RawJson, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { etagOf, type ContextFound, type ContextNote, type ContextReading, type ContextState, type ContextTag } from '@headrace/contract'
import { itemOf } from '../canonical-item.ts'
import type { RenderItems } from '../runs.ts'

const time = (ms: number): string => new Date(ms).toISOString()
const text = (value: Writable): string => utf8AsLatin1(writeJson(value))

const state = (of: ContextState): Writable => ({
  id: of.id, object: 'context', version: of.version, etag: etagOf(of), seq: of.seq, head: of.head, bytes: of.bytes,
  created_at: time(of.createdAt), updated_at: time(of.updatedAt), expires_at: of.expiresAt === null ? null : time(of.expiresAt), metadata: of.metadata === '' ? null : new RawJson(of.metadata),
})

/** All texts are latin1: UTF-8 said char by char. */
export const stateJson = (of: ContextState): string => text(state(of))
export const listJson = (states: readonly ContextState[], more: boolean): string => text({ object: 'list', data: states.map(state), has_more: more })
export const foundJson = (found: readonly ContextFound[]): string => text({ object: 'list', data: found.map(({ id, kind, seq, excerpt }) => ({ id, kind, seq, excerpt })) })
export const tagsJson = (tags: readonly ContextTag[]): string => text({ object: 'list', data: tags.map(({ name, seq, head }) => ({ name, seq, head })) })

const note = ({ name, version, value, updatedAt }: ContextNote): Writable => ({ name, etag: noteEtag(version), value: new RawJson(value), updated_at: time(updatedAt) })
export const noteEtag = (version: number): string => `"${version}"`
export const noteJson = (of: ContextNote): string => text(note(of))
export const notesJson = (notes: readonly ContextNote[]): string => text({ object: 'list', data: notes.map(note) })

/** Items in their neutral form, spliced as they are kept. `from`: how many came before, which the reader has. */
export function itemsJson({ state: of, from, items }: ContextReading): string {
  return text({ object: 'list', etag: etagOf(of), seq: of.seq, from, data: items.map(({ seq, head, bytes }) => ({ seq, head, item: new RawJson(bytes.toString('utf8')) })) })
}

/** The same as Chat Completions' messages. */
export const messagesJson = ({ items }: ContextReading, render: RenderItems): string => `[${render(items.map(({ bytes }) => itemOf(bytes)))}]`
