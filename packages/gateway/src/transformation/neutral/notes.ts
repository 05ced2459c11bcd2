import type { DialectId, TranslationNote } from '@headrace/contract'
import { fieldName, type NeutralField } from './field-names.ts'

/** Gathers what a translation could not carry, each field once. */
export class Notes {
  readonly #notes = new Map<string, TranslationNote>()

  readonly #dialect: DialectId

  /** `dialect` is the client's: fields are named in its terms. */
  constructor(dialect: DialectId) {
    this.#dialect = dialect
  }

  drop(field: NeutralField): void {
    this.dropNamed(fieldName(this.#dialect, field))
  }

  /** A field that the neutral form does not model, by the client's own name. */
  dropNamed(field: string): void {
    this.#notes.set(field, { field, loss: 'dropped', how: '' })
  }

  approximate(field: NeutralField, how: string): void {
    const name = fieldName(this.#dialect, field)
    if (!this.#notes.has(name)) this.#notes.set(name, { field: name, loss: 'approximated', how })
  }

  list(): readonly TranslationNote[] {
    return [...this.#notes.values()]
  }
}
