import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export interface Page {
  readonly html: string
  readonly headers: Readonly<Record<string, string>>
}

/** The page and the policy under which exactly its own script and style run, by their hashes (https://www.w3.org/TR/CSP3/). */
export function createPage(): Page {
  const html = readFileSync(new URL('./page.html', import.meta.url), 'utf8')
  const policy = [
    "default-src 'none'", `script-src ${hashes(html, 'script')}`, `style-src ${hashes(html, 'style')}`, "connect-src 'self'", 'img-src data:',
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; ')
  return Object.freeze({ html, headers: Object.freeze({
    'content-security-policy': policy, 'x-frame-options': 'DENY', 'cross-origin-opener-policy': 'same-origin', 'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  }) })
}

/** Sources for every inline element of this name. */
function hashes(html: string, element: 'script' | 'style'): string {
  const found = [...html.matchAll(new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, 'g'))].map(match => `'sha256-${hash('sha256', match[1] ?? '', 'base64')}'`)
  return found.length === 0 ? "'none'" : found.join(' ')
}
