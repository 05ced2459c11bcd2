/** Without trailing slash. An address that listens everywhere is reached at this machine's own. */
export function baseUrl({ host, port, tls }: { readonly host: string, readonly port: number, readonly tls: boolean }): string {
  const reached = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `http${tls ? 's' : ''}://${reached}:${port}`
}
