import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

/**
 * Builds `packages/client/dist`, the npm package `@headrace/client` as it is published: one JavaScript file with the workspace's code inside, and its types.
 * It is a folder with a package.json of its own, since the one beside the sources leads the workspace to these. Runs as the client's `build`.
 */
const ROOT = join(import.meta.dirname, '..')
const PACKAGE = join(ROOT, 'packages/client')
const DIST = join(PACKAGE, 'dist')

/** The declarations that `index.d.ts` leads to; those of inner files stay behind. */
const DECLARATIONS = Object.freeze(['index.d.ts', 'contexts.d.ts', 'delta-fetch.d.ts'])

/** Throws when the types do not hold, or the client would need a package at run time. */
async function buildClient(): Promise<void> {
  rmSync(DIST, { recursive: true, force: true })
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(PACKAGE, 'tsconfig.build.json')], { stdio: 'inherit' })
  await bundle()
  copyFileSync(join(PACKAGE, 'README.md'), join(DIST, 'README.md'))
  copyFileSync(join(ROOT, 'LICENSE'), join(DIST, 'LICENSE'))
  copyFileSync(join(ROOT, 'NOTICE'), join(DIST, 'NOTICE'))
  writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(published(), null, 2)}\n`)
}

async function bundle(): Promise<void> {
  const build = await rolldown({
    input: { index: join(PACKAGE, 'src/index.ts') },
    platform: 'node',
    external: id => isBuiltin(id),
    treeshake: { moduleSideEffects: false },
    onwarn: warning => { throw new Error(`@headrace/client: ${warning.message ?? 'a warning without words'}`) },
  })
  try {
    await build.write({ dir: DIST, format: 'esm', entryFileNames: '[name].js', codeSplitting: false })
  } finally {
    await build.close()
  }
}

/** The workspace's package.json in the terms of what was built. */
function published(): Readonly<Record<string, unknown>> {
  const { name, version, description, license, type, engines } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as Readonly<Record<string, unknown>>
  return {
    name, version, description, license, type, engines, sideEffects: false,
    exports: { '.': { types: './index.d.ts', default: './index.js' } },
    files: ['index.js', ...DECLARATIONS, 'NOTICE'],
  }
}

if (import.meta.main) await buildClient()
