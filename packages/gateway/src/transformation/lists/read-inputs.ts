import type { JsonView } from '@headrace/bytes'
import type { EmbeddingInput } from '@headrace/contract'
import { InvalidRequest } from '../neutral/field-reader.ts'

/** A text, a list of texts, or, where the format has such, tokens or a list of lists of them. */
export function readInputs(view: JsonView, path: string, mayBeTokens: boolean): EmbeddingInput[] {
  if (view.string !== null) return [{ type: 'text', text: view.string }]
  const elements = view.elements()
  if (elements.length === 0) throw new InvalidRequest(`"${path}" must be a text or a list of texts, and not empty.`, path)
  if (mayBeTokens && elements[0]?.kind === 'number') return [tokensOf(elements, path)]
  return elements.map((element, index) => {
    const text = element.string
    if (text !== null) return { type: 'text', text }
    if (mayBeTokens && element.kind === 'array') return tokensOf(element.elements(), `${path}[${index}]`)
    throw new InvalidRequest(`"${path}[${index}]" must be a text.`, path)
  })
}

function tokensOf(elements: readonly JsonView[], path: string): EmbeddingInput {
  return {
    type: 'tokens',
    tokens: elements.map(element => {
      const { number } = element
      if (number === null || !Number.isSafeInteger(number) || number < 0) throw new InvalidRequest(`"${path}" must hold token numbers.`, 'input')
      return number
    }),
  }
}

/** Members that say something and are not among the known ones. */
export const foreignMembers = (view: JsonView, known: ReadonlySet<string>): string[] =>
  [...view.members()].filter(([name, member]) => !known.has(name) && member.given).map(([name]) => name)
