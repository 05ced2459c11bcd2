import { etagOf, type ContextExpectation, type ContextKnown, type ContextState } from '@headrace/contract'

const ETAG = /^"(\d{1,15})-(.*)"$/

/** Whether what is there is what was expected. */
export function meets(state: ContextState, { etag, place }: ContextExpectation): boolean {
  return (etag === undefined || etag === etagOf(state)) && (place === undefined || (place.seq === state.seq && place.head === state.head))
}

/** What somebody who expects this has. */
export const knownOf = ({ etag, place }: ContextExpectation): ContextKnown | null => place ?? (etag === undefined ? null : { etag })

/** Null = no ETag of ours. */
export function versionOf(etag: string): { readonly version: number, readonly turn: string } | null {
  const named = ETAG.exec(etag)
  return named === null ? null : { version: Number(named[1]), turn: named[2] ?? '' }
}
