import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SubjectView } from '@headrace/contract'
import { AppHarness } from './app-harness.ts'

let admin: AppHarness
beforeAll(async () => { admin = await AppHarness.start() })
afterAll(() => admin.stop())

const view = (facts: Partial<SubjectView>): SubjectView => ({
  kind: 'target', target: '', credential: '', state: 'in', reason: null, since: 1, until: 0, answered: 0, failed: 0, p50: 0, p95: 0, inFlight: 0, concurrency: 0, ...facts,
})

test('targets are listed with what is wrong with their credentials, which are named by id', async () => {
  admin.targets = [
    view({ target: 'up/b', answered: 3, failed: 1, p50: 40, p95: 90, inFlight: 2 }),
    view({ target: 'up/a', state: 'out', reason: 'failing', until: 99 }),
    view({ kind: 'pair', target: 'up/b', credential: 'up#2', state: 'out', reason: 'rate-limited', until: 50 }),
    view({ kind: 'pair', target: 'up/b', credential: 'up#1' }),
    view({ kind: 'credential', credential: 'up#3', state: 'probing', reason: 'unauthorized' }),
  ]
  const answer = await admin.ask('GET', '/admin/v1/targets')
  expect(answer.json()).toMatchObject({
    targets: [
      { target: 'up/a', state: 'out', reason: 'failing', until: 99, successRate: null, credentials: [] },
      { target: 'up/b', state: 'in', successRate: 0.75, p95: 90, inFlight: 2, credentials: [{ credential: 'up#2', reason: 'rate-limited' }] },
    ],
    credentials: [{ credential: 'up#3', state: 'probing', reason: 'unauthorized' }],
  })
})
