import { gatewayError, type Exchange, type GatewayError } from '@headrace/contract'
import type { JourneyLayers } from './journey-request.ts'
import { Admission } from './orchestration/limits/limiter.ts'

/** A request that waits to be let in. */
export interface PassedGuest {
  /** Its client left: nobody is there to be told. */
  readonly left: () => boolean
  readonly refuse: (error: GatewayError) => void
  /** The limits count it from now on, and its attempts give them back what they do not use. */
  readonly go: (admission: Admission) => void
}

/** The limits have the first word on a request that is passed on as it comes, a plugin the last. `bytes`: what is known of its body. */
export function admitPassed({ limiter }: JourneyLayers, x: Exchange, bytes: Buffer, maxOutput: number, { left, refuse, go }: PassedGuest): void {
  const object = (admission: Admission, refusal: GatewayError): void => {
    limiter.settle(admission, x)
    if (!left()) refuse(refusal)
  }
  const heard = (admission: Admission | GatewayError): void => {
    x.answerHeaders = limiter.headers(x)
    if (left()) return admission instanceof Admission ? limiter.settle(admission, x) : undefined
    if (!(admission instanceof Admission)) return refuse(admission)
    x.admittedAt = performance.now()
    const { onCall } = x.snapshot.hooks
    if (onCall === null) return go(admission)
    void onCall(x).then(
      refusal => refusal !== null ? object(admission, refusal) : left() ? limiter.settle(admission, x) : go(admission),
      () => object(admission, gatewayError('internal', 'A plugin failed; the request was not sent on.')),
    )
  }
  const admission = limiter.admit(x, { body: bytes }, maxOutput)
  if (admission instanceof Promise) void admission.then(heard)
  else heard(admission)
}
