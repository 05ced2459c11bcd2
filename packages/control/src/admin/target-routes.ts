import { z } from 'zod'
import type { SubjectView } from '@headrace/contract'
import type { AdminServices } from './services.ts'
import type { TypedApp } from './typed-app.ts'

const standing = {
  state: z.enum(['in', 'out', 'probing']),
  reason: z.string().nullable().describe('Why it is out: `failing`, `error-rate`, `hung`, `slow`, `unauthorized`, `forbidden`, `quota`, `rate-limited`, `overloaded`.'),
  since: z.number().describe('Unix ms at which it went out or came back.'),
  until: z.number().describe('Unix ms at which it is tried again; 0 = it is in, or the next request is its probe.'),
}
const targetsSchema = z.object({
  targets: z.array(z.object({
    target: z.string().describe('`provider/model`.'), ...standing,
    answered: z.number().describe('Attempts over the last 30 s.'), failed: z.number(), successRate: z.number().nullable().describe('Of these; null = there were none.'),
    p50: z.number().describe('Time to the first byte, ms; 0 = too few answers to say.'), p95: z.number(),
    inFlight: z.number(), concurrency: z.number().describe('Attempts at the same time that its latency allows; 0 = it is not held back.'),
    credentials: z.array(z.object({ credential: z.string(), ...standing })).describe('Credentials that do not stand well at this model alone.'),
  })),
  credentials: z.array(z.object({ credential: z.string(), ...standing })).describe('Credentials that do not stand well anywhere. Named by id, never by value.'),
})

/** How targets and credentials stand, over all workers: those that were called since the start. */
export function targetRoutes(app: TypedApp, { targets }: AdminServices): void {
  app.get('/admin/v1/targets', { schema: { summary: 'How targets and credentials stand', response: { 200: targetsSchema } } }, async () => {
    const subjects = targets()
    const troubled = subjects.filter(subject => subject.kind !== 'target' && subject.state !== 'in')
    return {
      targets: subjects.filter(subject => subject.kind === 'target').toSorted((left, right) => left.target < right.target ? -1 : 1).map(subject => ({
        target: subject.target, ...standingOf(subject), answered: subject.answered, failed: subject.failed,
        successRate: subject.answered + subject.failed === 0 ? null : subject.answered / (subject.answered + subject.failed),
        p50: subject.p50, p95: subject.p95, inFlight: subject.inFlight, concurrency: subject.concurrency,
        credentials: troubled.filter(({ kind, target }) => kind === 'pair' && target === subject.target).map(pair => ({ credential: pair.credential, ...standingOf(pair) })),
      })),
      credentials: troubled.filter(({ kind }) => kind === 'credential').map(credential => ({ credential: credential.credential, ...standingOf(credential) })),
    }
  })
}

const standingOf = ({ state, reason, since, until }: SubjectView) => ({ state, reason, since, until })
