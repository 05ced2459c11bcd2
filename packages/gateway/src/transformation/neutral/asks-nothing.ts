import type { JsonText } from '@headrace/contract'

/** Values that ask for nothing, whatever the field. */
const NOTHING: ReadonlySet<string> = new Set(['null', 'false', '{}', '[]', '"auto"', '"default"', '"disabled"', '["text"]'])

/** A field that is not modelled, in a value that changes nothing: leaving it out is no loss. */
export const asksNothing = (raw: JsonText, name = ''): boolean => NOTHING.has(raw) && (name !== 'truncation' || raw !== '"auto"')
