import { JsonView, scanMembers, sha256Hex } from '@headrace/bytes'
import { failure, gatewayError, success, type ProviderQuirks, type Result } from '@headrace/contract'

/** A request as its provider takes it. */
export interface FittedRequest {
  /** Latin1: one char = one byte. */
  readonly body: string
  /** Members that are gone, and those in whose place something close went. */
  readonly dropped: readonly string[]
  readonly approximated: readonly string[]
}

/** Levels of a body: deeper ones were refused before. */
const DEPTH = 1_000
/** Characters in which a member's comma is looked for. */
const COMMA_REACH = 64
const NOTHING: readonly string[] = Object.freeze([])
/** What a body must hold for its quirks to matter, by quirks: they live as long as their snapshot. */
const triggers = new WeakMap<ProviderQuirks, RegExp>()

/**
 * Fits the body of a chat request, latin1 and valid JSON, to what its provider takes. Members that no quirk is about keep their bytes. Most bodies hold
 * nothing of the kind: they cost one search. Errors: `invalid-request` where what was asked cannot be had there.
 */
export function fitRequest(body: string, quirks: ProviderQuirks): Result<FittedRequest> {
  const spliced = isSplice(quirks) ? spliceMembers(body, quirks) : null
  if (spliced !== null) return success({ body: spliced, dropped: NOTHING, approximated: NOTHING })
  const root = triggerOf(quirks).test(body) ? JsonView.parse(body) : null
  if (root === null || root.kind !== 'object') return success({ body, dropped: NOTHING, approximated: NOTHING })
  const members = root.members()
  if (quirks.oneChoice === true && (members.get('n')?.number ?? 1) > 1) {
    return failure(gatewayError('invalid-request', 'The model\'s provider gives one answer to a request. Leave `n` out, or name a model of another provider.', { param: 'n' }))
  }
  const dropped: string[] = []
  const approximated: string[] = []
  const kept = Object.entries(quirks.demands ?? {}).map(([name, value]) => `"${name}":"${value}"`)
  let before = root.start + 1
  for (const [name, view] of [...members].toSorted(([, left], [, right]) => left.start - right.start)) {
    const lead = body.slice(before, view.start).replace(/^\s*,?\s*/, '')
    before = view.end
    const other = quirks.renames?.[name]
    if (quirks.elsewhere?.includes(name) === true || quirks.demands?.[name] !== undefined) continue
    if (quirks.refuses?.includes(name) === true || (other !== undefined && members.has(other))) {
      // Usage that needs no asking is not lost with the question; what stands there twice by two names is there once.
      if (view.given && name !== 'stream_options' && other === undefined) dropped.push(name)
    } else if (name === 'temperature' && quirks.maxTemperature !== undefined && (view.number ?? 0) > quirks.maxTemperature) {
      kept.push(lead + String(quirks.maxTemperature))
      approximated.push(name)
    } else kept.push((other === undefined ? lead : `"${other}":`) + (name === 'messages' ? fitMessages(body, view, quirks) : view.raw))
  }
  return success({ body: `${body.slice(0, root.start)}{${kept.join(',')}}${body.slice(root.end)}`, dropped, approximated })
}

/** Nothing is asked of a body but that members are put in front of it and others taken out. */
const isSplice = (quirks: ProviderQuirks): boolean => quirks.demands !== undefined && Object.keys(quirks).every(quirk => quirk === 'demands' || quirk === 'elsewhere')

/** The same for such quirks, a third of the price and less: what stands in between is passed over. Null = the members are not written plainly. */
function spliceMembers(body: string, { demands = {}, elsewhere = [] }: ProviderQuirks): string | null {
  const names = [...elsewhere, ...Object.keys(demands)]
  const scan = scanMembers(Buffer.from(body, 'latin1'), body, names, DEPTH)
  if (scan.status !== 'ok') return null
  const found = names.map((name, at) => ({ name, start: scan.starts[at] ?? -1, end: scan.ends[at] ?? -1 })).filter(({ start }) => start >= 0).toSorted((left, right) => left.start - right.start)
  let out = `{${Object.entries(demands).map(([name, value]) => `"${name}":"${value}",`).join('')}`
  let at = body.indexOf('{') + 1
  for (const { name, start, end } of found) {
    const key = body.lastIndexOf(`"${name}"`, start - 1)
    const comma = /^\s*,/.exec(body.slice(end, end + COMMA_REACH))
    if (key < at || comma === null) return null
    out += body.slice(at, key)
    at = end + comma[0].length
  }
  const rest = body.slice(at)
  return /^\s*\}/.test(rest) ? null : out + rest
}

function triggerOf(quirks: ProviderQuirks): RegExp {
  let trigger = triggers.get(quirks)
  if (trigger === undefined) {
    const words = [...quirks.refuses ?? [], ...Object.keys(quirks.renames ?? {}), ...Object.keys(quirks.roles ?? {}), ...quirks.elsewhere ?? []]
    if (quirks.maxTemperature !== undefined) words.push('temperature')
    if (quirks.oneChoice === true) words.push('n')
    if (quirks.toolCallIds !== undefined) words.push('tool_call_id')
    triggers.set(quirks, trigger = quirks.demands !== undefined ? /^/ : words.length === 0 ? /(?!)/ : new RegExp(`"(?:${words.map(RegExp.escape).join('|')})"`))
  }
  return trigger
}

/** Roles and ids of calls as they are known there; everything else of the list stays byte for byte. */
function fitMessages(body: string, list: JsonView, { roles, toolCallIds }: ProviderQuirks): string {
  const pattern = toolCallIds === undefined ? null : new RegExp(toolCallIds.pattern)
  let out = ''
  let at = list.start
  const replace = (view: JsonView, text: string): void => {
    out += `${body.slice(at, view.start)}"${text}"`
    at = view.end
  }
  for (const message of list.elements()) {
    const changes: [JsonView, string][] = []
    const role = message.get('role')
    const other = roles?.[role.string ?? '']
    if (other !== undefined) changes.push([role, other])
    if (pattern !== null && toolCallIds !== undefined) {
      for (const id of [message.get('tool_call_id'), ...message.get('tool_calls').elements().map(call => call.get('id'))]) {
        // The same call has the same id wherever it stands.
        if (id.string !== null && !pattern.test(id.string)) changes.push([id, sha256Hex(id.string).slice(0, toolCallIds.length)])
      }
    }
    for (const [view, text] of changes.toSorted(([left], [right]) => left.start - right.start)) replace(view, text)
  }
  return out + body.slice(at, list.end)
}
