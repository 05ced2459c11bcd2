import { contextStoreSuite } from '../suites/context-store-suite.ts'
import { idempotencyStoreSuite } from '../suites/idempotency-store-suite.ts'
import { keyStoreSuite } from '../suites/key-store-suite.ts'
import { ledgerStoreSuite } from '../suites/ledger-store-suite.ts'
import { logStoreSuite } from '../suites/log-store-suite.ts'
import { MemoryContextStore } from './context-store.ts'
import { MemoryIdempotencyStore } from './idempotency-store.ts'
import { MemoryKeyStore } from './key-store.ts'
import { MemoryLedgerStore } from './ledger-store.ts'
import { MemoryLogStore } from './log-store.ts'

ledgerStoreSuite('memory', () => new MemoryLedgerStore())
logStoreSuite('memory', () => new MemoryLogStore())
keyStoreSuite('memory', () => new MemoryKeyStore())
idempotencyStoreSuite('memory', () => new MemoryIdempotencyStore())
contextStoreSuite('memory', () => new MemoryContextStore())
