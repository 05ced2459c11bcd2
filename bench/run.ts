import { parseArgs } from 'node:util'
import { against } from './against.ts'
import { passes, type Bench } from './bench.ts'
import { contexts } from './contexts.ts'
import { limits } from './limits.ts'
import { overload } from './overload.ts'
import { relay } from './relay.ts'
import { resilience } from './resilience.ts'
import { scale } from './scale.ts'
import { translate } from './translate.ts'

/** Every bench of the project; a new one gets its line here. */
const BENCHES: readonly Bench[] = [relay, against, limits, overload, translate, resilience, scale, contexts]

function help(): string {
  return `npm run bench -- NAME [DIR] [--json] [--only FIGURE,...] [--rounds N] [--seconds S] [--cpu-prof DIR]\n\n${
    BENCHES.map((bench) => `  ${bench.name.padEnd(12)}${bench.question}`).join('\n')}\n`
}

/** Runs one bench; returns the exit code: 0 = every target met, 1 = not, 2 = not understood. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false }, only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' }, 'cpu-prof': { type: 'string' },
    },
  })
  const bench = BENCHES.find((candidate) => candidate.name === positionals[0])
  if (values.help || bench === undefined) {
    process.stdout.write(help())
    return values.help || positionals.length === 0 ? 0 : 2
  }
  const rounds = Number(values.rounds)
  const seconds = Number(values.seconds)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100 || !(seconds > 0 && seconds <= 60)) {
    process.stderr.write('--rounds wants 1 to 100, --seconds more than 0 and at most 60\n')
    return 2
  }
  const say = (line: string): void => { process.stdout.write(`${line}\n`) }
  const only = values.only === '' ? [] : values.only.split(',')
  const result = await bench.run({ rounds, seconds, only, cpuProf: values['cpu-prof'] ?? null, operand: positionals[1] ?? null, say })
  const pass = passes(result)
  if (result.voidReason !== null) say(`VOID: ${result.voidReason}`)
  for (const [name, target] of Object.entries(result.targets)) {
    const figure = result.figures[name]
    const met = figure !== undefined && (result.atLeast.has(name) ? figure >= target : figure <= target)
    say(`${met ? 'ok  ' : 'MISS'} ${name.padEnd(28)} ${(figure ?? NaN).toFixed(2).padStart(9)}   target ${result.atLeast.has(name) ? '>=' : '<='} ${target}`)
  }
  if (values.json) say(JSON.stringify({ bench: bench.name, figures: result.figures, targets: result.targets, pass }))
  return pass ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
