import { join } from 'node:path'
import type { Contender } from './contender.ts'
import { freePort, GATEWAY_CORE, listening, ROOT, spawnPinned, stopProcess } from './machinery.ts'
import type { Upstreams } from './upstreams.ts'

/** What a straightforward Node gateway costs: node:http in front, undici's dispatch behind. */
export async function startReference(upstreams: Upstreams): Promise<Contender> {
  const port = await freePort()
  const child = spawnPinned(GATEWAY_CORE, process.execPath, [join(ROOT, 'bench/reference/node-http-undici.ts'), String(port), String(upstreams.plain)])
  try {
    await listening(port, child)
  } catch (error) {
    await stopProcess(child)
    throw error
  }
  const pids = [child.pid ?? 0]
  return { name: 'node:http + undici', port: () => port, workers: () => pids, all: () => pids, stop: () => stopProcess(child) }
}
