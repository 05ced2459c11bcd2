import { createCommand } from './commands/program.ts'

/** Runs the command with its arguments (without `node` and the program's name) and sets the process's exit code: 0 = done, 1 = failed, 2 = not understood. */
export async function run(argv: readonly string[]): Promise<void> {
  process.exitCode = await createCommand()(argv)
}

if (import.meta.main) await run(process.argv.slice(2))
