import type { JsonView } from '@headrace/bytes'
import type { JsonText, Part, Source } from '@headrace/contract'
import { needText, readText } from '../neutral/field-reader.ts'
import { member } from './members.ts'

const NO_SETTINGS: ReadonlyMap<string, JsonText> = new Map()
/** Google's own stores: no other provider can read them. */
const OWN_FILE = /^(?:gs:\/\/|https:\/\/generativelanguage\.googleapis\.com\/)/
/** Audio types by the short names that other dialects have, and back. */
const AUDIO_FORMATS: ReadonlyMap<string, string> = new Map([['mpeg', 'mp3'], ['x-wav', 'wav'], ['wave', 'wav'], ['l16', 'pcm16']])
const FILE_TYPES: ReadonlyMap<string, string> = new Map([
  ['png', 'image/png'], ['jpg', 'image/jpeg'], ['jpeg', 'image/jpeg'], ['webp', 'image/webp'], ['gif', 'image/gif'], ['heic', 'image/heic'], ['pdf', 'application/pdf'],
  ['txt', 'text/plain'], ['md', 'text/markdown'], ['csv', 'text/csv'], ['html', 'text/html'], ['json', 'application/json'],
])

/** `inlineData`, `fileData`; null = of a kind that only this dialect has (films, and sounds that are given by name). */
export function decodeMedia(view: JsonView, path: string): Part | null {
  const inline = member(view, 'inlineData')
  const held = inline.given ? inline : member(view, 'fileData')
  const type = readText(member(held, 'mimeType'), `${path}.mimeType`).toLowerCase()
  const [family = '', subtype = ''] = type.split(';', 1)[0]?.split('/') ?? []
  const name = readText(member(held, 'displayName'), `${path}.displayName`)
  if (inline.given && family === 'audio') return { type: 'audio', format: AUDIO_FORMATS.get(subtype) ?? subtype, data: needText(inline.get('data'), `${path}.inlineData.data`) }
  if (family === 'video' || family === 'audio') return null
  const source: Source = inline.given ? { kind: 'base64', mediaType: type, data: needText(inline.get('data'), `${path}.inlineData.data`) } : fileSource(needText(member(held, 'fileUri'), `${path}.fileData.fileUri`))
  if (family === 'image') return { type: 'image', source, detail: '', cache: null }
  return { type: 'file', source, name, cache: null, settings: NO_SETTINGS }
}

const fileSource = (uri: string): Source => OWN_FILE.test(uri) ? { kind: 'file-id', id: uri } : { kind: 'url', url: uri }

export const audioType = (format: string): string => `audio/${format === 'pcm16' ? 'l16' : format}`

/** The media type that a URL's path promises. */
export function typeOfUrl(url: string, usual: string): string {
  const ending = /\.([a-z0-9]{2,5})(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase() ?? ''
  return FILE_TYPES.get(ending) ?? usual
}
