import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender } from './contender.ts'
import { freePort, GATEWAY_CORE, listening, ROOT, spawnPinned, stopProcess } from './machinery.ts'

const HOME = join(ROOT, '.cache/bench/portkey')

/** The TypeScript peer, installed into the cache; null with a line of reason where it cannot be had. JSON only. */
export async function startPortkey(say: (line: string) => void): Promise<Contender | null> {
  const program = join(HOME, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  if (!existsSync(program)) {
    mkdirSync(HOME, { recursive: true })
    writeFileSync(join(HOME, 'package.json'), JSON.stringify({
      private: true, dependencies: { '@portkey-ai/gateway': '1.15.2' }, overrides: { '@hono/node-server': '1.13.5', hono: '4.9.7' },
    }))
    try {
      execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: HOME, stdio: 'ignore', timeout: 240_000 })
    } catch {
      say('skipped: portkey (npm could not install @portkey-ai/gateway 1.15.2)')
      return null
    }
  }
  const port = await freePort()
  const child = spawnPinned(GATEWAY_CORE, process.execPath, [program, `--port=${port}`, '--headless'])
  try {
    await listening(port, child)
  } catch (error) {
    await stopProcess(child)
    say(`skipped: portkey (${error instanceof Error ? error.message : String(error)})`)
    return null
  }
  const pids = [child.pid ?? 0]
  return { name: 'portkey', port: () => port, workers: () => pids, all: () => pids, stop: () => stopProcess(child) }
}
