import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender } from './contender.ts'
import { freePort, GATEWAY_CORE, listening, spawnPinned, stopProcess } from './machinery.ts'
import { processTree } from './process-cost.ts'
import type { Upstreams } from './upstreams.ts'

/** The yardstick: one worker, plain proxy_pass with keep-alive, no access log; buffering on for JSON and off for streams. */
export async function startNginx(folder: string, upstreams: Upstreams): Promise<Contender> {
  const home = join(folder, 'nginx')
  mkdirSync(home)
  const json = await freePort()
  const sse = await freePort()
  const tls = await freePort()
  const file = join(home, 'nginx.conf')
  writeFileSync(file, configuration(home, { json, sse, tls }, upstreams))
  const child = spawnPinned(GATEWAY_CORE, 'nginx', ['-c', file, '-p', home, '-e', join(home, 'error.log')], false, { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` })
  try {
    await listening(json, child)
  } catch (error) {
    await stopProcess(child)
    throw error
  }
  const tree = processTree(child.pid ?? 0)
  return {
    name: 'nginx',
    port: (traffic) => traffic === 'json' ? json : traffic === 'tls' ? tls : sse,
    workers: () => tree,
    all: () => tree,
    stop: () => stopProcess(child),
  }
}

function configuration(home: string, ports: { readonly json: number, readonly sse: number, readonly tls: number }, upstreams: Upstreams): string {
  const server = (port: number, target: string, buffering: 'on' | 'off', extra = ''): string => `
  server {
    listen 127.0.0.1:${port} backlog=8192;
    location / { proxy_pass ${target}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering ${buffering}; ${extra} }
  }`
  const pool = (name: string, port: number): string => `upstream ${name} { server 127.0.0.1:${port}; keepalive 2048; keepalive_requests 1000000000; }`
  return `daemon off; pid ${home}/nginx.pid; worker_processes 1; worker_rlimit_nofile 20000; error_log ${home}/error.log warn;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 75s;
  client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy; fastcgi_temp_path ${home}/f; uwsgi_temp_path ${home}/u; scgi_temp_path ${home}/s;
  ${pool('plain', upstreams.plain)}
  ${pool('secured', upstreams.tls)}${server(ports.json, 'http://plain', 'on')}${server(ports.sse, 'http://plain', 'off')}${
  server(ports.tls, 'https://secured', 'on', `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${upstreams.certificate}; proxy_ssl_name localhost; proxy_ssl_session_reuse on;`)}
}
`
}
