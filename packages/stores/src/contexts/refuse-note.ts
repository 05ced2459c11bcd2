import { CONTEXT_NOTES, type ContextNote, type ContextOutcome, type NoteChange } from '@headrace/contract'

/** Null = it may be written to a context that has these notes. */
export function refuseNote(notes: readonly ContextNote[], { name, value, expect }: NoteChange): ContextOutcome | null {
  const note = notes.find(each => each.name === name) ?? null
  if (expect !== null && expect !== (note?.version ?? 0)) return { kind: 'other-note', note }
  return note === null && value !== '' && notes.length >= CONTEXT_NOTES ? { kind: 'full' } : null
}
