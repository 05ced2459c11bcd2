import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { closestName } from '@headrace/contract'
import packageFacts from '../../package.json' with { type: 'json' }

const EXAMPLES = `
Examples:
  headrace                                  start with what ./headrace.yaml or the environment says
  headrace start --port 9000 --data /var/lib/headrace
  headrace check && headrace explain fast   is the configuration right, and where would a request go?
  headrace logs -f --model fast             follow the call log
  headrace health                           how do the targets stand?
  headrace models sonnet                    what is known of models, and what they cost
  headrace keys create --name search-team   make an API key
`

/**
 * The command line. Each command's work is in a file of its own, loaded when it runs: what `start` does not need costs it nothing.
 * The returned function resolves with the exit code: 0 = done, 1 = failed, 2 = not understood.
 */
export function createCommand(): (argv: readonly string[]) => Promise<number> {
  let code = 0
  const does = <A extends unknown[]>(work: (...args: A) => Promise<number>) => async (...args: A): Promise<void> => { code = await work(...args) }
  const program = new Command('headrace')
    .description('An LLM gateway: one endpoint in front of every model.')
    .version(packageFacts.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(`--help` shows what there is)')
    .exitOverride()
  addStart(program, does)
  addRestart(program, does)
  addConfigCommands(program, does)
  addCatalogue(program, does)
  addLogs(program, does)
  addSpend(program, does)
  addHealth(program, does)
  addKeys(program, does)
  return async argv => {
    const names = program.commands.map(command => command.name())
    const [first] = argv
    // Without this, commander takes an unknown word for an argument of `start`.
    if (first !== undefined && !first.startsWith('-') && first !== 'help' && !names.includes(first)) {
      const meant = closestName(first, names)
      process.stderr.write(`headrace: there is no command \`${first}\`. ${meant === null ? `Commands: ${names.join(', ')}.` : `Did you mean \`${meant}\`?`}\n`)
      return 2
    }
    try {
      await program.parseAsync(argv, { from: 'user' })
      return code
    } catch (error) {
      // Help and version end the parsing with code 0; their text, like that of errors, has been printed by now.
      if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
      throw error
    }
  }
}

type Does = <A extends unknown[]>(work: (...args: A) => Promise<number>) => (...args: A) => Promise<void>

function addStart(program: Command, does: Does): void {
  program.command('start', { isDefault: true })
    .description('run the gateway until Ctrl-C or SIGTERM; SIGHUP re-reads the configuration, SIGUSR2 replaces the workers')
    .option('-c, --config <file>', 'configuration file (default: ./headrace.yaml where it is)')
    .option('-d, --data <dir>', 'where keys and the call log are kept', './data')
    .option('--host <address>', 'address to listen on, instead of the configured one')
    .option('-p, --port <number>', 'port to listen on, instead of the configured one; 0 = any free one', whole(0, 65_535))
    .option('-w, --workers <number>', 'processes that serve model traffic', whole(1, 64), 1)
    .option('--no-sandbox', 'do not start the simulated provider')
    .addOption(new Option('--succeed', 'take over from the Headrace that starts this one').default(false).hideHelp())
    .addHelpText('after', examples('headrace start', 'headrace start --config prod.yaml --data /var/lib/headrace --host 0.0.0.0 --workers 4', 'OPENAI_API_KEY=sk-... headrace start --no-sandbox'))
    .action(does(async (options: { config?: string, data: string, host?: string, port?: number, workers: number, sandbox: boolean, succeed: boolean }) => {
      const { start } = await import('./start.ts')
      return start({ ...options, config: options.config ?? null, host: options.host ?? null, port: options.port ?? null })
    }))
}

function addRestart(program: Command, does: Does): void {
  program.command('restart')
    .description('replace the workers of a running Headrace one by one; no connection is refused, reset or cut (SIGUSR2 does the same)')
    .option('-d, --data <dir>', 'data directory of the Headrace that runs', './data')
    .addHelpText('after', examples('headrace restart', 'headrace restart --data /var/lib/headrace'))
    .action(does(async (options: { data: string }) => (await import('./restart.ts')).restart(options)))
  program.command('upgrade')
    .description('put this version in the place of a running Headrace, all its processes; no connection is refused, reset or cut')
    .option('-d, --data <dir>', 'data directory of the Headrace that runs', './data')
    .addHelpText('after', examples('npx headrace@latest upgrade', 'headrace upgrade --data /var/lib/headrace'))
    .action(does(async (options: { data: string }) => (await import('./restart.ts')).upgrade(options)))
}

function addConfigCommands(program: Command, does: Does): void {
  program.command('check')
    .description('check a configuration file, and say what is wrong with it and where')
    .argument('[file]', 'configuration file', './headrace.yaml')
    .addHelpText('after', examples('headrace check', 'headrace check prod.yaml'))
    .action(does(async (file: string) => (await import('./check.ts')).check(file)))
  program.command('explain')
    .description('show where a request for a model would go')
    .argument('<model>', 'model name as clients send it')
    .option('-c, --config <file>', 'configuration file (default: ./headrace.yaml where it is)')
    .option('--as <key>', 'name of a key in the file, to see with its rights')
    .addHelpText('after', examples('headrace explain sandbox/echo', 'headrace explain fast --config prod.yaml --as search-team'))
    .action(does(async (model: string, options: { config?: string, as?: string }) => (await import('./explain.ts')).explain(model, options.config ?? null, options.as ?? null)))
  program.command('schema')
    .description('print the JSON Schema of headrace.yaml, for editors')
    .addHelpText('after', examples('headrace schema > headrace.schema.json'))
    .action(does(async () => (await import('./schema.ts')).schema()))
}

function addCatalogue(program: Command, does: Does): void {
  program.command('models')
    .description('show what is known of models: windows, prices, what they can do')
    .argument('[words]', 'part of a name')
    .option('-a, --all', 'of the whole catalogue, not of the configured providers alone', false)
    .option('-p, --provider <id>', 'of this provider')
    .option('-c, --config <file>', 'configuration file (default: ./headrace.yaml where it is)')
    .option('-d, --data <dir>', 'data directory, where `headrace catalog update` puts its catalogue', './data')
    .option('--json', 'one JSON object per line instead of a table', false)
    .addHelpText('after', examples('headrace models', 'headrace models sonnet --all', 'headrace models --all --provider groq --json'))
    .action(does(async (words: string | undefined, options: ModelsFlags) => (await import('./models.ts')).models(words ?? null, options)))
  const catalog = program.command('catalog').description('the catalogue of models and prices')
    .addHelpText('after', examples('headrace catalog update'))
  catalog.command('update').description('make the catalogue anew from its published sources, with npm, and put it into the data directory')
    .option('-d, --data <dir>', 'data directory', './data')
    .option('-n, --dry-run', 'show what would change, and change nothing', false)
    .option('--force', 'even where it has far fewer models than before', false)
    .option('--from <file-or-url>', 'a catalogue that another Headrace has made, instead of the published sources')
    .addHelpText('after', examples('headrace catalog update', 'headrace catalog update --dry-run', 'headrace catalog update --from https://mirror.example.com/catalogue.json'))
    .action(does(async (options: CatalogFlags) => (await import('./catalog.ts')).updateCatalogue(options)))
}

function addLogs(program: Command, does: Does): void {
  withAdmin(program.command('logs'))
    .description('show the call log: through the admin API where there is a key, else from the data directory')
    .option('-f, --follow', 'go on with new calls until Ctrl-C', false)
    .option('-n, --limit <number>', 'calls to show', whole(1, 1_000), 50)
    .option('--since <time>', 'calls since then: `10m`, `2h`, `7d` ago, or a date', time)
    .option('--until <time>', 'calls before then', time)
    .option('--model <name>', 'of this model, as clients asked for it')
    .option('--provider <id>', 'of this provider')
    .option('--key-id <id>', 'made with this key')
    .addOption(new Option('--outcome <outcome>', 'with this outcome').choices(['settled', 'partial', 'unknown', 'refused', 'answered', 'coalesced']))
    .addOption(new Option('--kind <kind>', 'of this kind').choices(['call', 'hedge', 'shadow']))
    .option('--error <kind>', 'with this kind of error')
    .option('--request <id>', 'of this request')
    .option('--json', 'one JSON object per line instead of a table', false)
    .addHelpText('after', examples('headrace logs', 'headrace logs -f --model fast', 'headrace logs --since 1h --outcome partial --json'))
    .action(does(async (options: LogsFlags) => (await import('./logs.ts')).logs(options)))
}

function addSpend(program: Command, does: Does): void {
  withAdmin(program.command('spend'))
    .description('show what was spent on models that have a price (admin API of a running Headrace)')
    .option('--by <fields>', 'one or several of key, team, app, model, target, kind, day, hour, separated by commas', 'model')
    .option('--since <time>', 'since then: `2h`, `7d` ago, or a date; in whole hours (default: 30 days ago)', time)
    .option('--until <time>', 'before then', time)
    .option('-n, --limit <number>', 'rows to show, the dearest first', whole(1, 10_000), 50)
    .option('--json', 'one JSON object per line instead of a table', false)
    .addHelpText('after', examples('headrace spend', 'headrace spend --by team,day --since 7d', 'headrace spend --by key --json'))
    .action(does(async (options: SpendFlags) => (await import('./spend.ts')).spend(options)))
}

function addHealth(program: Command, does: Does): void {
  withAdmin(program.command('health'))
    .description('show how targets and credentials stand (admin API of a running Headrace)')
    .option('--json', 'print JSON', false)
    .addHelpText('after', examples('headrace health', 'headrace health --json'))
    .action(does(async (options: HealthFlags) => (await import('./health.ts')).health(options)))
}

function addKeys(program: Command, does: Does): void {
  const keys = program.command('keys').description('list, make and revoke API keys (admin API of a running Headrace)')
    .addHelpText('after', examples('headrace keys list', 'headrace keys create --name search-team --models "fast,gpt-*"', 'headrace keys revoke KEY_ID'))
  withAdmin(keys.command('list')).description('list the keys')
    .option('--json', 'print JSON', false)
    .addHelpText('after', examples('headrace keys list', 'headrace keys list --json'))
    .action(does(async (options: AdminFlags & { json: boolean }) => (await import('./keys.ts')).listKeys(options)))
  withAdmin(keys.command('create')).description('make a key and print it, this once')
    .requiredOption('--name <name>', 'what the key is for')
    .option('--team <name>', 'team that its calls are counted for')
    .option('--app <name>', 'application that its calls are counted for')
    .option('--models <names>', 'models it may call, separated by commas, `*` at the end allowed (default: all)', list)
    .addOption(new Option('--scopes <scopes>', 'what it may do, separated by commas: inference, admin, pass-through').argParser(list).default(['inference'], 'inference'))
    .option('--expires <time>', 'date after which it ends')
    .option('--json', 'print JSON', false)
    .addHelpText('after', examples('headrace keys create --name search-team', 'headrace keys create --name ops --scopes inference,admin --expires 2027-06-30'))
    .action(does(async (options: CreateKeyFlags) => (await import('./keys.ts')).createKey(options)))
  withAdmin(keys.command('revoke')).description('end a key at once')
    .argument('<id>', 'its id, from `headrace keys list`')
    .addHelpText('after', examples('headrace keys revoke KEY_ID'))
    .action(does(async (id: string, options: AdminFlags) => (await import('./keys.ts')).revokeKey(id, options)))
}

/** How to reach the admin API. */
export interface AdminFlags { readonly key?: string, readonly url?: string, readonly data: string }

export interface LogsFlags extends AdminFlags {
  readonly follow: boolean
  readonly limit: number
  readonly since?: number
  readonly until?: number
  readonly model?: string
  readonly provider?: string
  readonly keyId?: string
  readonly kind?: 'call' | 'hedge' | 'shadow'
  readonly outcome?: 'settled' | 'partial' | 'unknown' | 'refused' | 'answered' | 'coalesced'
  readonly error?: string
  readonly request?: string
  readonly json: boolean
}

export interface SpendFlags extends AdminFlags {
  readonly by: string
  readonly since?: number
  readonly until?: number
  readonly limit: number
  readonly json: boolean
}

export interface ModelsFlags {
  readonly all: boolean
  readonly provider?: string
  readonly config?: string
  readonly data: string
  readonly json: boolean
}

export interface CatalogFlags { readonly data: string, readonly dryRun: boolean, readonly force: boolean, readonly from?: string }

export interface HealthFlags extends AdminFlags { readonly json: boolean }

export interface CreateKeyFlags extends AdminFlags {
  readonly name: string
  readonly team?: string
  readonly app?: string
  readonly models?: readonly string[]
  readonly scopes: readonly string[]
  readonly expires?: string
  readonly json: boolean
}

function withAdmin(command: Command): Command {
  return command.addOption(new Option('--key <key>', 'admin key').env('HEADRACE_ADMIN_KEY'))
    .addOption(new Option('--url <url>', 'where Headrace runs (default: what runs on --data, else http://127.0.0.1:8787)').env('HEADRACE_URL'))
    .option('-d, --data <dir>', 'data directory', './data')
}

const examples = (...lines: readonly string[]): string => `\nExamples:\n${lines.map(line => `  ${line}`).join('\n')}\n`

const list = (text: string): string[] => text.split(',').map(part => part.trim()).filter(part => part !== '')

const whole = (least: number, most: number) => (text: string): number => {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < least || number > most) throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`)
  return number
}

const UNITS = Object.freeze({ s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 })

/** Unix milliseconds of a date, or of a while ago. */
function time(text: string): number {
  const ago = /^(\d{1,9})([smhd])$/.exec(text)
  if (ago !== null) return Date.now() - Number(ago[1]) * UNITS[ago[2] as keyof typeof UNITS]
  const date = Date.parse(text)
  if (Number.isNaN(date)) throw new InvalidArgumentError('Give a while ago (`10m`, `2h`, `7d`) or a date (`2026-11-25`, `2026-11-25T10:00:00Z`).')
  return date
}
