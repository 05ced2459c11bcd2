import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeBatch } from '@headrace/bytes'
import type { Exchange, GatewayError, Price } from '@headrace/contract'
import { MemoryLedgerStore, MemoryLogStore } from '@headrace/stores'
import { createJournal, type Journal } from '../../packages/gateway/src/observability/journal.ts'
import { LogCollector } from '../../packages/stores/src/log-writer/log-collector.ts'
import { answered, attempting, snapshot, target } from './exchanges.ts'

let directory: string
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'headrace-ledger-')) })
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const PRICE: Price = { input: 1e9, cachedInput: 1e9, cacheWrite: 1e9, output: 1e9, version: 'usd/M:1/1/1/1' }
const policy = snapshot()
const holder = { proceed() {}, refuse(error: GatewayError) { throw new Error(error.message) } }

function call(journal: Journal, id: string, price: Price | null = PRICE): Exchange {
  const x = attempting(id, policy)
  x.target = { ...target, price }
  x.reservedNano = price === null ? -1 : 500
  journal.intent(x, holder)
  return x
}

function settle(journal: Journal, x: Exchange, costNano: number, outcome: 'settled' | 'partial' = 'settled'): void {
  answered(x).costNano = costNano
  journal.settle(x, outcome, true)
}

function collect(store: MemoryLogStore, ledger: MemoryLedgerStore, exited?: string): void {
  const collector = new LogCollector({ directory, store, ledger, onStored() {}, onProblem(problem) { throw new Error(problem) } })
  if (exited !== undefined) collector.exited(exited)
  for (const _ of collector.pass());
}

const total = (ledger: MemoryLedgerStore): bigint => ledger.spend({ by: [] })[0]?.costNano ?? 0n

describe('the ledger behind the call log', () => {
  it('has what was settled, broken off and left unknown, at its cost; not what has no price or reached nobody', () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    settle(journal, call(journal, 'a'), 300)
    settle(journal, call(journal, 'b'), 120, 'partial')
    call(journal, 'c')
    const failed = call(journal, 'd')
    failed.error = 'upstream-reset'
    settle(journal, failed, 0)
    settle(journal, call(journal, 'e', null), -1)
    const refused = attempting('f', policy)
    journal.settle(refused, 'refused', true)
    journal.close()
    const ledger = new MemoryLedgerStore()
    const store = new MemoryLogStore()
    collect(store, ledger, 'w1')
    const entries = ['a', 'b', 'c', 'd', 'e', 'f'].map(id => ledger.find(`${id}.1`))
    expect(entries.map(entry => entry === null ? null : [entry.state, entry.costNano])).toEqual([['settled', 300], ['partial', 120], ['unknown', 500], ['released', 0], null, null])
    expect(entries[0]).toMatchObject({ tenant: 'default', app: 'app', keyId: 'key-1', model: 'fast', provider: 'sandbox', targetModel: 'fast', inputTokens: 10, outputTokens: 20, priceVersion: PRICE.version })
    expect(total(ledger)).toBe(920n)
    expect(store.find('c.1')).toMatchObject({ outcome: 'unknown', costNano: 500, priceVersion: PRICE.version })
    expect(store.find('e.1')).toMatchObject({ costNano: -1, priceVersion: '' })
  })

  it('has each call once, wherever the writer dies between ledger and log', () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    const calls = Array.from({ length: 20 }, (_, index) => call(journal, `a${index}`))
    journal.flush()
    const store = new MemoryLogStore()
    const ledger = new MemoryLedgerStore()
    const append = store.append.bind(store)
    for (const [index, x] of calls.entries()) {
      settle(journal, x, 100 + index)
      journal.flush()
      // The log cannot be written after the ledger was: all of it is read again, by another collector.
      store.append = () => { throw new Error('killed') }
      expect(() => collect(store, ledger)).toThrow('killed')
      if (index % 3 === 0) expect(() => collect(store, ledger)).toThrow('killed')
      store.append = append
      collect(store, ledger)
    }
    journal.close()
    collect(store, ledger, 'w1')
    expect(total(ledger)).toBe(BigInt(calls.reduce((sum, _, index) => sum + 100 + index, 0)))
    expect(ledger.spend({ by: [] })[0]?.calls).toBe(20)
  })

  it('takes a late settlement for a call that was given up', () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    const x = call(journal, 'a')
    journal.flush()
    const store = new MemoryLogStore()
    const ledger = new MemoryLedgerStore()
    const file = join(directory, 'w1-00000001.seg')
    const kept = readFileSync(file)
    collect(store, ledger, 'w1')
    expect(total(ledger)).toBe(500n)
    settle(journal, x, 300)
    journal.close()
    // Its file was taken for a dead worker's and deleted; had it not been, this is what would have been in it.
    writeFileSync(file, kept)
    const late = createJournal({ directory, prefix: 'w2' })
    late.settle(x, 'settled', true)
    late.close()
    collect(store, ledger)
    expect(ledger.find('a.1')).toMatchObject({ state: 'settled', costNano: 300 })
    expect(total(ledger)).toBe(300n)
    expect(store.find('a.1')).toMatchObject({ outcome: 'settled', costNano: 300, priceVersion: PRICE.version })
  })

  it('knows a hedge and a shadow by their intents, also where nobody lived to tell of them', () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    const kinds = ['call', 'hedge', 'shadow'] as const
    for (const kind of kinds) {
      const x = attempting(kind, policy)
      x.kind = kind
      x.target = { ...target, price: PRICE }
      x.reservedNano = 5
      journal.intent(x, holder)
    }
    journal.close()
    const store = new MemoryLogStore()
    const ledger = new MemoryLedgerStore()
    collect(store, ledger, 'w1')
    expect(kinds.map(kind => store.find(`${kind}.1`)).map(row => [row?.kind, row?.outcome])).toEqual(kinds.map(kind => [kind, 'unknown']))
    expect(ledger.spend({ by: ['kind'] }).map(row => row.values[0]).toSorted()).toEqual([...kinds])
  })

  it('reads what a Headrace before prices left behind', () => {
    const intent = `"i","old",1,1700000000000,"openai-chat","chat","default","","","key-1","","m","p","tm",0,10,5,6,0,"","",""`
    const settled = `"settled",200,200,"","stop",3,5,-1,-1,-1,20,1,2,3,4,5,null,null`
    const refused = `"r","no",0,1700000000000,"openai-chat","chat","default","","","key-1","","m","","",0,10,5,-1,0,"","","",${settled.replace('settled', 'refused')}`
    const batch = encodeBatch(`["o","x"]\n[${intent}]\n["s","old",1,${settled}]\n[${refused}]\n`)
    batch[1] = 0x31
    writeFileSync(join(directory, 'w1-00000001.seg'), batch)
    const store = new MemoryLogStore()
    collect(store, new MemoryLedgerStore(), 'w1')
    expect(store.find('old.1')).toMatchObject({ outcome: 'settled', outputTokens: 5, totalMs: 0.005, costNano: -1, priceVersion: '', targetModel: 'tm', kind: 'call', compared: '' })
    expect(store.find('no.0')).toMatchObject({ outcome: 'refused', status: 200, costNano: -1, model: 'm' })
  })
})
