import { keyStoreSuite } from '../suites/key-store-suite.ts'
import { logStoreSuite } from '../suites/log-store-suite.ts'
import { MemoryKeyStore } from './key-store.ts'
import { MemoryLogStore } from './log-store.ts'

logStoreSuite('memory', () => new MemoryLogStore())
keyStoreSuite('memory', () => new MemoryKeyStore())
