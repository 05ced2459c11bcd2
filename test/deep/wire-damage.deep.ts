import { expect, it } from 'vitest'
import { damageAnswers, damageRequests, readCases } from '../wire/damage.ts'

const RUNS = 50_000
const cases = readCases()

it('there are golden cases to damage', () => { expect(cases.length).toBeGreaterThan(40) })

it(`${RUNS} damaged answers make answers or errors, and nothing else`, () => { damageAnswers(cases, RUNS) })

it(`${RUNS} damaged requests make requests that are valid JSON, or errors`, () => { damageRequests(cases, RUNS) })
