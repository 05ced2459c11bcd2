import { JsonView } from '@headrace/bytes'
import { itemId } from './response-ids.ts'
import { ownId, shownItem, type ItemText } from './response-items.ts'

/** A response that has ended whole. Latin1. */
export interface EndedResponse {
  /** The object that the client gets. */
  readonly response: string
  readonly output: readonly ItemText[]
}

const DATA = /^data: ?(.*)$/m
/** Inside of strings every quote is escaped: what looks like this member is this member. */
const ID_MEMBER = /"(id|item_id)":( ?)"([^"\\]*)"/g
const ENDED: ReadonlySet<string> = new Set(['completed', 'incomplete'])

/**
 * Says an answer under the gateway's own ids, whoever gave it, and as the client asked for it: kept, and as a successor of what it goes on with. Everything
 * else stays in its place. It remembers the response when that has ended.
 */
export class ResponseRewriter {
  readonly #key: string
  readonly #members: ReadonlyMap<string, string>
  readonly #provider: () => string
  /** Ours, by those of the provider. */
  readonly #ids = new Map<string, string>()
  ended: EndedResponse | null = null

  /** `members`: of the response object, and what they are to be, as JSON texts. `provider`: who answers. */
  constructor(key: string, members: ReadonlyMap<string, string>, provider: () => string) {
    this.#key = key
    this.#members = members
    this.#provider = provider
  }

  /** One event of a stream, whole. */
  event(text: string): string {
    if (text.includes('"response":')) return this.#state(text)
    if (text.includes('"item":')) this.#learn(text)
    return this.#ids.size === 0 || !text.includes('id":') ? text : text.replace(ID_MEMBER, (member, name: string, space: string, id: string) => {
      const own = this.#ids.get(id)
      return own === undefined ? member : `"${name}":${space}"${own}"`
    })
  }

  /** The whole object. */
  response(view: JsonView): string {
    const output = view.get('output').elements().map((item, index) => this.#item(item, index))
    const members = new Map([...view.members()].map(([name, member]) => [name, member.raw]))
    for (const [name, value] of this.#members) members.set(name, value)
    members.set('output', `[${output.map(shownItem).join()}]`)
    const response = `{${[...members].map(([name, raw]) => `${JSON.stringify(name)}:${raw}`).join()}}`
    if (ENDED.has(view.get('status').string ?? '')) this.ended = { response, output }
    return response
  }

  /** An event that tells how the response stands. */
  #state(text: string): string {
    const data = DATA.exec(text)?.[1]
    const response = data === undefined ? undefined : JsonView.parse(data)?.get('response')
    if (response?.kind !== 'object') return text
    const raw = response.raw
    const at = text.indexOf(raw)
    return at === -1 ? text : text.slice(0, at) + this.response(response) + text.slice(at + raw.length)
  }

  #learn(text: string): void {
    const data = JsonView.parse(DATA.exec(text)?.[1] ?? '')
    const item = data?.get('item')
    const id = item?.get('id').string ?? ''
    if (id !== '' && item !== undefined && !this.#ids.has(id)) this.#ids.set(id, itemId(item.get('type').string ?? '', this.#key, data?.get('output_index').number ?? this.#ids.size))
  }

  #item(item: JsonView, index: number): ItemText {
    const own = this.#ids.get(item.get('id').string ?? '') ?? itemId(item.get('type').string ?? '', this.#key, index)
    return ownId(item, own, this.#provider())
  }
}

