import { JsonView, minifyJson } from '@headrace/bytes'
import type { DialectId, JsonText } from '@headrace/contract'

/** A context's settings: the tools that hold on from turn to turn, in the words of each API that gave some. Latin1, as requests and settings are here. */

/** As the API's `tools`; '' = none. */
export const keptTools = (settings: JsonText, dialect: DialectId): string => JsonView.parse(settings)?.get(dialect).raw ?? ''

/** The settings after a request, whose own `tools` are kept from now on; an empty list takes them away. */
export function keepTools(settings: JsonText, dialect: DialectId, body: string): JsonText {
  const tools = JsonView.parse(body)?.get('tools')
  if (tools?.given !== true) return settings
  const kept = [...JsonView.parse(settings)?.members() ?? []].filter(([name]) => name !== dialect).map(([name, view]) => `${JSON.stringify(name)}:${view.raw}`)
  if (tools.elements().length > 0) kept.push(`${JSON.stringify(dialect)}:${minifyJson(tools.raw)}`)
  return kept.length === 0 ? '' : `{${kept.join()}}`
}
