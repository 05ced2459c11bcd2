import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { rolldown, type OutputChunk } from 'rolldown'

/**
 * Builds what the npm package `headrace` ships: each program of a running Headrace as JavaScript in `packages/cli/dist`, workspace code inside,
 * npm dependencies outside. (Node strips no types under `node_modules`.) Runs as the package's `prepack`.
 */
const ROOT = join(import.meta.dirname, '..')
const PACKAGE = join(ROOT, 'packages/cli')
const DIST = join(PACKAGE, 'dist')

/** Programs, built one by one: each is told apart by `import.meta.main`, which a shared chunk would not have. */
const PROGRAMS = Object.freeze({
  'main': 'packages/cli/src/main.ts',
  'worker': 'packages/gateway/src/main.ts',
  'control': 'packages/control/src/main.ts',
  // Lies beside the file that contains its starter, with the same extension.
  'log-writer-thread': 'packages/stores/src/log-writer/log-writer-thread.ts',
  'context-thread': 'packages/stores/src/contexts/context-thread.ts',
  'sandbox': 'packages/sandbox/src/main.ts',
})

/** Files that code reads beside itself, and those that belong into a package. */
const COPIES: readonly (readonly [from: string, to: string])[] = Object.freeze([
  ['packages/control/src/page/page.html', 'dist/page.html'],
  ['packages/contract/src/catalogue/catalogue.json', 'dist/catalogue.json'],
  ['packages/contract/headrace.schema.json', 'headrace.schema.json'],
  ['README.md', 'README.md'],
  ['LICENSE', 'LICENSE'],
  ['NOTICE', 'NOTICE'],
])

interface PackageFacts { readonly dependencies?: Readonly<Record<string, string>> }

function packageFacts(folder: string): PackageFacts {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFacts
}

/** `@scope/name/deep` -> `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Builds everything. Throws when a bundle imports what the package does not declare, or in another version than the workspace uses. */
async function build(): Promise<void> {
  rmSync(DIST, { recursive: true, force: true })
  const outside = new Set<string>()
  for (const [name, source] of Object.entries(PROGRAMS)) for (const specifier of await bundle(name, source)) outside.add(specifier)
  for (const [from, to] of COPIES) copyFileSync(join(ROOT, from), join(PACKAGE, to))
  checkDependencies(outside)
}

/** Bundles one program. Returns the packages that it imports at run time. */
async function bundle(name: string, source: string): Promise<readonly string[]> {
  const build = await rolldown({
    input: { [name]: join(ROOT, source) },
    platform: 'node',
    external: id => !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('@headrace/'),
    onwarn: warning => { throw new Error(`${name}: ${warning.message ?? 'a warning without words'}`) },
  })
  try {
    const { output } = await build.write({ dir: DIST, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: `${name}-[name]-[hash].mjs` })
    const chunks = output.filter((part): part is OutputChunk => part.type === 'chunk')
    return chunks.flatMap(chunk => [...chunk.imports, ...chunk.dynamicImports])
      .filter(specifier => !isBuiltin(specifier) && !chunks.some(chunk => chunk.fileName === specifier)).map(packageOf)
  } finally {
    await build.close()
  }
}

function checkDependencies(outside: ReadonlySet<string>): void {
  const declared = packageFacts(PACKAGE).dependencies ?? {}
  const used = Object.assign({}, ...['bytes', 'contract', 'stores', 'gateway', 'control', 'sandbox'].map(name => packageFacts(join(ROOT, 'packages', name)).dependencies)) as Record<string, string>
  const missing = [...outside].filter(name => declared[name] === undefined)
  const different = Object.entries(declared).filter(([name, version]) => used[name] !== undefined && used[name] !== version).map(([name]) => name)
  if (missing.length > 0) throw new Error(`packages/cli/package.json does not declare what its bundles import: ${missing.join(', ')}`)
  if (different.length > 0) throw new Error(`packages/cli/package.json has other versions than the workspace of: ${different.join(', ')}`)
}

if (import.meta.main) await build()
