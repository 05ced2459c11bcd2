import { rmSync } from 'node:fs'
import { failure, success, type AdminAddress, type Result, type ServerConfig } from '@headrace/contract'
import { createAdminApp } from './app.ts'
import type { AdminServices } from './services.ts'
import { startTcpServer, type TcpServer } from './tcp-server.ts'

export interface AdminServer {
  /** Where it listens besides; null = on the unix socket alone. */
  readonly address: AdminAddress | null
  close(): Promise<void>
}

/** Serves the admin API on a unix socket, and on an address of its own where there is one; fails with what that lacks. A socket file that is there is of a dead process: the data directory has one living owner. */
export async function startAdminServer(services: AdminServices, socket: string, { admin, tls }: ServerConfig): Promise<Result<AdminServer, string>> {
  const stopping = new AbortController()
  const app = await createAdminApp(services, stopping.signal)
  rmSync(socket, { force: true })
  const tcp = admin === undefined ? null : await startTcpServer(app.routing, admin, tls)
  if (tcp?.ok === false) return failure(tcp.error)
  const own: TcpServer | null = tcp?.value ?? null
  await app.listen({ path: socket })
  return success({
    address: own?.address ?? null,
    async close() {
      stopping.abort()
      await own?.close()
      await app.close()
    },
  })
}
