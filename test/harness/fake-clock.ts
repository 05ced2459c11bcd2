import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where Debian puts libfaketime; the variant for threads. */
const LIBRARY = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(arch => `/usr/lib/${arch}/faketime/libfaketimeMT.so.1`).find(path => existsSync(path)) ?? null

/** True where processes can be given a clock of their own (needs libfaketime). */
export const CAN_FAKE_CLOCK = LIBRARY !== null

/** A wall clock that a process tree is started with, and that can be set while it runs. */
export interface FakeClock {
  readonly env: Readonly<Record<string, string>>
  /** Sets the clock so many seconds off the true time. */
  set(seconds: number): void
  remove(): void
}

/** Only the wall clock steps: no kernel sets the monotonic one, and Node's timers live by it. */
export function createFakeClock(): FakeClock {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-clock-'))
  const file = join(directory, 'offset')
  const set = (seconds: number): void => {
    writeFileSync(`${file}.new`, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}s\n`)
    renameSync(`${file}.new`, file)
  }
  set(0)
  return {
    env: {
      LD_PRELOAD: LIBRARY ?? '', FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1',
      // File times would be shifted too, and are nobody's clock here.
      NO_FAKE_STAT: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1',
    },
    set,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
