import { rmSync } from 'node:fs'
import { createAdminApp } from './app.ts'
import type { AdminServices } from './services.ts'

export interface AdminServer { close(): Promise<void> }

/** Serves the admin API on a unix socket. A socket file that is there is of a dead process: the data directory has one living owner. */
export async function startAdminServer(services: AdminServices, socket: string): Promise<AdminServer> {
  const stopping = new AbortController()
  const app = await createAdminApp(services, stopping.signal)
  rmSync(socket, { force: true })
  await app.listen({ path: socket })
  return {
    async close() {
      stopping.abort()
      await app.close()
    },
  }
}
