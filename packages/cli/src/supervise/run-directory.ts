import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Where the control process listens. A short path: a unix socket's has about 100 characters, and the data directory may lie deep. */
export interface RunDirectory {
  readonly socket: string
  remove(): void
}

/** Makes a directory that only this user can enter (`mkdtemp` makes it with mode 0700). */
export function createRunDirectory(): RunDirectory {
  const path = mkdtempSync(join(tmpdir(), 'headrace-'))
  return {
    socket: process.platform === 'win32' ? `\\\\.\\pipe\\${path.replaceAll(/[^a-zA-Z0-9-]/g, '-')}` : join(path, 'control.sock'),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** The directory that a predecessor made, by the socket in it. */
export function inheritRunDirectory(socket: string): RunDirectory {
  return { socket, remove: () => { if (process.platform !== 'win32') rmSync(dirname(socket), { recursive: true, force: true }) } }
}
