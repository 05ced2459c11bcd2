import { afterEach, it } from 'vitest'
import { expectLedgerToSurvive, stopAll } from '../harness/budget-rig.ts'

afterEach(stopAll, 20_000)

it('a hundred times kill -9 under load leave each call that the engine saw in the ledger, once (check D1)', { timeout: 280_000 }, () => expectLedgerToSurvive(100))
