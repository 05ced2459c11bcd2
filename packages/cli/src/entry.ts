import { fileURLToPath } from 'node:url'

/** The programs that the supervisor starts: where their source is, seen from this file, and what the build calls them. */
const PROGRAMS = Object.freeze({
  worker: { source: '../../gateway/src/main.ts', built: './worker.mjs' },
  control: { source: '../../control/src/main.ts', built: './control.mjs' },
  sandbox: { source: '../../sandbox/src/main.ts', built: './sandbox.mjs' },
})

/** Path of a program: TypeScript source in a checkout, the bundle beside this file in an installed package. */
export function entry(program: keyof typeof PROGRAMS): string {
  const { source, built } = PROGRAMS[program]
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? source : built, import.meta.url))
}
