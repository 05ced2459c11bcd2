import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createPage } from './page.ts'

const { html, headers } = createPage()
const policy = headers['content-security-policy'] ?? ''
const inner = (element: string): string[] => [...html.matchAll(new RegExp(`<${element}\\b[^>]*>([\\s\\S]*?)</${element}>`, 'g'))].map(match => match[1] ?? '')

test.each(['script', 'style'])('exactly the page\'s own %s may run', element => {
  const found = inner(element)
  expect(found).toHaveLength(1)
  const allowed = new RegExp(`${element}-src ([^;]*)`).exec(policy)?.[1]
  expect(allowed).toBe(`'sha256-${hash('sha256', found[0] ?? '', 'base64')}'`)
})

test('the page may talk to its own origin only, and nobody may frame it', () => {
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("connect-src 'self'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toContain('unsafe')
})

test('nothing in the page needs what the policy forbids', () => {
  expect(html).not.toMatch(/\son\w+\s*=\s*["']/)
  expect(html).not.toMatch(/\sstyle\s*=/)
  expect(html).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/)
  expect(html).not.toMatch(/(?:src|href)="(?!data:)/)
})
