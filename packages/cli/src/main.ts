import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

/** Runs the command with its arguments (without `node` and the program's name) and sets the process's exit code: 0 = done, 1 = failed, 2 = not understood. */
export async function run(argv: readonly string[]): Promise<void> {
  // Whoever read our output may be gone (`headrace logs | head`): no reason to crash.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const { createCommand } = await import('./commands/program.ts')
  process.exitCode = await createCommand()(argv)
}

if (import.meta.main) {
  // As `bin/headrace.cjs` does it.
  enableCompileCache(process.env['NODE_COMPILE_CACHE'] ?? join(import.meta.dirname, '..', '.cache', 'compile'))
  await run(process.argv.slice(2))
}
