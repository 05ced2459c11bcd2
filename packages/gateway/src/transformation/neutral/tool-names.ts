import { sha256Hex } from '@headrace/bytes'
import type { Call, ToolNameRule } from '@headrace/contract'

/** Hexadecimal digits at the end of a shortened name that keep it apart from its like. */
const DIGITS = 8

/** A call whose tools have names that the target takes. `names` leads back, from those to the client's; null = nothing was renamed. */
export interface NamedCall { readonly call: Call, readonly names: ReadonlyMap<string, string> | null }

/** Dialects differ in what a tool may be called: other names are rewritten on the way to the target, here and in what was called before. */
export function fitToolNames(call: Call, rule: ToolNameRule | undefined): NamedCall {
  if (rule === undefined || !call.tools.some(tool => tool.type !== 'foreign' && !fits(tool.name, rule))) return { call, names: null }
  const there = new Map<string, string>()
  const names = new Map<string, string>()
  for (const tool of call.tools) {
    if (tool.type === 'foreign') continue
    const name = fits(tool.name, rule) ? tool.name : rewritten(tool.name, rule)
    there.set(tool.name, name)
    names.set(name, tool.name)
  }
  const nameOf = (name: string): string => there.get(name) ?? (fits(name, rule) ? name : rewritten(name, rule))
  const { toolChoice } = call
  return { names, call: {
    ...call,
    tools: call.tools.map(tool => tool.type === 'foreign' ? tool : { ...tool, name: nameOf(tool.name) }),
    toolChoice: toolChoice?.mode === 'one' ? { mode: 'one', name: nameOf(toolChoice.name) } : toolChoice,
    items: call.items.map(item => item.type === 'tool-call' ? { ...item, name: nameOf(item.name) } : item),
  } }
}

const fits = (name: string, { limit, forbidden }: ToolNameRule): boolean => name.length <= limit && !forbidden.test(name)

/** The digest makes it the only one of its kind, and the same in every turn. */
function rewritten(name: string, { limit, forbidden }: ToolNameRule): string {
  return `${name.slice(0, limit - DIGITS - 1).split(forbidden).join('_')}_${sha256Hex(name).slice(0, DIGITS)}`
}
