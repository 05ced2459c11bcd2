import { failure, success, type Result } from '../errors.ts'

/** Checks a provider's base URL: http(s), no user, query or fragment. Returns it in WHATWG form, without trailing slash. */
export function resolveBaseUrl(text: string): Result<string, string> {
  const url = URL.parse(text)
  if (url === null) return failure('not a URL: write it whole, such as `https://api.example.com/v1`')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return failure(`a base URL begins with \`https://\` or \`http://\`, not \`${url.protocol}\``)
  if (url.username !== '' || url.password !== '') return failure('a base URL holds no user or password: put the secret under `credentials`')
  if (text.includes('?') || text.includes('#')) return failure('a base URL has no query and no fragment: end it with the path')
  return success(url.href.replace(/\/+$/, ''))
}

/** Checks a forward proxy: `http://host:port` and nothing more. */
export function resolveProxy(text: string): Result<string, string> {
  const url = URL.parse(text)
  if (url === null || url.protocol !== 'http:' || url.pathname !== '/' || text.includes('?') || text.includes('#')) return failure('a proxy is written `http://host:port`')
  if (url.username !== '' || url.password !== '') return failure('a proxy with a password is not supported yet: use one that needs none')
  return success(url.href.replace(/\/+$/, ''))
}
