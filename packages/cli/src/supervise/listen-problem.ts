/** What a failed `listen` means and what to do about it. Other reasons are passed on as they are. */
export function listenProblem(reason: string): string {
  const where = /(\S+):(\d+)$/.exec(reason)
  const port = where?.[2] ?? ''
  const at = where === null ? 'the address' : `${where[1] ?? ''}:${port}`
  if (reason.includes('EADDRINUSE')) return `Port ${port} is in use by another program (${at}). Stop it, or choose another port with --port.`
  if (reason.includes('EACCES')) return `This user may not listen on ${at}: ports under 1024 need privileges. Choose another port with --port.`
  if (reason.includes('EADDRNOTAVAIL') || reason.includes('ENOTFOUND')) return `${at} is not an address of this machine. Give one that is with --host.`
  return reason
}
