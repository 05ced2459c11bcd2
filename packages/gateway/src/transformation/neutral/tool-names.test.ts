import { describe, expect, it } from 'vitest'
import type { Call, Item, Tool } from '@headrace/contract'
import { fitToolNames } from './tool-names.ts'

const RULE = { forbidden: /[^A-Za-z0-9_-]/, limit: 64 }
const tool = (name: string): Tool => ({ type: 'function', name, description: '', schema: '', strict: null, cache: null })
const called = (name: string): Item => ({ type: 'tool-call', id: 'c', name, input: '{}', cache: null })
const callOf = (names: readonly string[], items: readonly Item[] = []): Call => ({ tools: names.map(tool), toolChoice: { mode: 'one', name: names[0] ?? '' }, items }) as unknown as Call
const LONG = `mcp__files__${'x'.repeat(70)}`

describe('names of tools', () => {
  it('that the target takes are left alone, and so is the call', () => {
    const call = callOf(['weather', 'a-b_C9'])
    expect(fitToolNames(call, RULE)).toEqual({ call, names: null })
    expect(fitToolNames(callOf([LONG]), undefined).names).toBeNull()
  })

  it('that it does not take are rewritten everywhere, and found again', () => {
    const { call, names } = fitToolNames(callOf([LONG, `${LONG}y`, 'get.weather', 'ok'], [called(LONG), called('ok'), called('gone.since')]), RULE)
    const there = call.tools.map(each => each.type === 'function' ? each.name : '')
    expect(there.every(name => /^[A-Za-z0-9_-]{1,64}$/.test(name))).toBe(true)
    expect(new Set(there).size).toBe(4)
    expect(there.map(name => names?.get(name))).toEqual([LONG, `${LONG}y`, 'get.weather', 'ok'])
    expect(call.toolChoice).toEqual({ mode: 'one', name: there[0] })
    expect(call.items.map(item => item.type === 'tool-call' ? item.name : '').slice(0, 2)).toEqual([there[0], 'ok'])
    expect(call.items.at(-1)).toMatchObject({ name: expect.stringMatching(/^gone_since_[0-9a-f]{8}$/) })
  })
})
