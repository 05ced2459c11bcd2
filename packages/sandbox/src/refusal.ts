/** A refused request; each dialect says it in its own shape. */
export interface Refusal {
  readonly status: number
  readonly reason: Reason
  readonly message: string
  /** The dialect's own code for it, where it has one; null = it has none for this. */
  readonly code?: string | null
  /** The field at fault, in the dialect's own terms; null = none. */
  readonly param: string | null
}

/** `status`: nothing that the status does not say. */
export type Reason = 'status' | 'model-not-found' | 'context-length' | 'content-policy'

export function invalid(message: string, param: string | null = null, reason: Reason = 'status'): Refusal {
  return { status: 400, reason, message, param }
}

/** What a provider would say with this status. */
export function simulatedRefusal(status: number): Refusal {
  return { status, reason: 'status', message: `The sandbox was asked to answer with status ${status}.`, param: null }
}
