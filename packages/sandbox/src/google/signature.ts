import { sign } from '../engine/signature.ts'

/** What a signature of a text signs: it comes apart from it in a stream. */
export const TEXT = ''
/** The vendor takes this for a signature of what another model made. */
export const NO_SIGNATURE = 'skip_thought_signature_validator'

/** Proves that a call of this name, or a text, is the engine's own. */
export const signatureOf = (what: string): string => sign(`google:${what}`)
