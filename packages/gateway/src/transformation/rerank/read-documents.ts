import type { JsonView } from '@headrace/bytes'
import type { RerankCall, TranslationNote } from '@headrace/contract'
import { InvalidRequest } from '../neutral/field-reader.ts'

/** Texts, or objects with a `text` and members that are not looked at by all. */
export function readDocuments(view: JsonView): readonly string[] {
  const elements = view.elements()
  if (elements.length === 0) throw new InvalidRequest('"documents" must be a list of texts, and not empty.', 'documents')
  return elements.map((element, index) => {
    const text = element.string ?? element.get('text').string
    if (text === null) throw new InvalidRequest(`"documents[${index}]" must be a text, or an object with "text".`, 'documents')
    return text
  })
}

export function readQuery(view: JsonView): string {
  const query = view.string ?? view.get('text').string
  if (query === null || query === '') throw new InvalidRequest('"query" must be a text, and not empty.', 'query')
  return query
}

export const dropped = (fields: readonly string[]): readonly TranslationNote[] => fields.map(field => ({ field, loss: 'dropped', how: '' }))

/** A call's own document as Jina's answers have it; '' = the client does not want it. */
export const documentMember = ({ documents, returnDocuments }: RerankCall, index: number): string => returnDocuments === true ? `,"document":${JSON.stringify({ text: documents[index] ?? '' })}` : ''
