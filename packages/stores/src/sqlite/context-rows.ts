import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CONTEXT_VERSIONS, type ContextDraft, type ContextKind, type ContextNote, type ContextPlace, type ContextState } from '@headrace/contract'
import type { TriePlace } from './item-trie.ts'

/** `turn`: the last change's name. `segment`, `seq`: where its last item lies. `past`: where it lay before each of the last changes. `ttl`, `created`, `updated`, `expires`: ms. */
export const CONTEXT_SCHEMA = `
  CREATE TABLE context (serial INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, turn TEXT NOT NULL,
    segment INTEGER NOT NULL, seq INTEGER NOT NULL, head TEXT NOT NULL, bytes INTEGER NOT NULL, metadata TEXT NOT NULL, settings TEXT NOT NULL,
    ttl INTEGER, created INTEGER NOT NULL, updated INTEGER NOT NULL, expires INTEGER, UNIQUE (tenant, id)) STRICT;
  CREATE INDEX context_place ON context (segment, seq);
  CREATE INDEX context_kind ON context (tenant, kind, serial);
  CREATE INDEX context_expires ON context (expires) WHERE expires IS NOT NULL;
  CREATE TABLE tag (context INTEGER NOT NULL REFERENCES context (serial) ON DELETE CASCADE, name TEXT NOT NULL, segment INTEGER NOT NULL, seq INTEGER NOT NULL, head TEXT NOT NULL,
    PRIMARY KEY (context, name)) STRICT, WITHOUT ROWID;
  CREATE TABLE past (context INTEGER NOT NULL REFERENCES context (serial) ON DELETE CASCADE, version INTEGER NOT NULL, turn TEXT NOT NULL, seq INTEGER NOT NULL, head TEXT NOT NULL,
    PRIMARY KEY (context, version)) STRICT, WITHOUT ROWID;
  CREATE INDEX tag_place ON tag (segment, seq);
`

/** `version`: of the context, as the note's last change made it. */
export const NOTE_SCHEMA = `
  CREATE TABLE note (context INTEGER NOT NULL REFERENCES context (serial) ON DELETE CASCADE, name TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL, updated INTEGER NOT NULL,
    PRIMARY KEY (context, name)) STRICT, WITHOUT ROWID;
`

/** A context with what only the store knows of it. */
export interface ContextRow {
  readonly serial: number
  readonly ttl: number | null
  readonly place: TriePlace
  readonly state: ContextState
}

type Row = Readonly<Record<string, unknown>>
const nullable = (value: unknown): number | null => value === null ? null : Number(value)

export function contextRow(row: Row): ContextRow {
  const seq = Number(row['seq']), head = String(row['head']), bytes = Number(row['bytes'])
  return {
    serial: Number(row['serial']), ttl: nullable(row['ttl']),
    place: { segment: Number(row['segment']), seq, head, total: bytes },
    state: {
      id: String(row['id']), kind: String(row['kind']) as ContextKind, version: Number(row['version']), turn: String(row['turn']), seq, head, bytes, // only this folder writes kinds
      createdAt: Number(row['created']), updatedAt: Number(row['updated']), expiresAt: nullable(row['expires']),
      metadata: String(row['metadata']), settings: String(row['settings']),
    },
  }
}

/** The rows of contexts and their tags. */
export class ContextRows {
  readonly #database: DatabaseSync
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #update: StatementSync
  readonly #past: StatementSync
  readonly #made: StatementSync
  readonly #remember: StatementSync
  readonly #forget: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#find = database.prepare('SELECT * FROM context WHERE tenant = ? AND id = ?')
    this.#insert = database.prepare(`INSERT INTO context (tenant, id, kind, version, turn, segment, seq, head, bytes, metadata, settings, ttl, created, updated, expires)
      VALUES (?, ?, ?, 1, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`)
    this.#update = database.prepare(`UPDATE context SET version = version + 1, turn = ?, segment = ?, seq = ?, head = ?, bytes = ?, metadata = ?, settings = ?, ttl = ?, updated = ?, expires = ?
      WHERE serial = ? RETURNING *`)
    this.#past = database.prepare('SELECT seq, head FROM past WHERE context = ? AND version = ? AND turn = ?')
    this.#made = database.prepare('SELECT version, seq, head FROM past WHERE context = ? AND turn = ?')
    this.#remember = database.prepare('INSERT INTO past VALUES (?, ?, ?, ?, ?)')
    this.#forget = database.prepare('DELETE FROM past WHERE context = ? AND version <= ?')
  }

  /** Null = none, or its time is over. */
  find(tenant: string, id: string, now: number): ContextRow | null {
    const row = this.#find.get(tenant, id)
    if (row === undefined) return null
    const found = contextRow(row)
    return found.state.expiresAt !== null && found.state.expiresAt <= now ? null : found
  }

  insert(tenant: string, { id, kind, metadata, settings, ttlMs }: ContextDraft, { segment, seq, head, total }: TriePlace, now: number): ContextRow {
    return returned(this.#insert.get(tenant, id, kind, segment, seq, head, total, metadata, settings, ttlMs, now, now, ttlMs === null ? null : now + ttlMs))
  }

  /** Where it lay in another version; null = not known any more, or there was none of this name. */
  past(serial: number, version: number, turn: string): ContextPlace | null {
    const row = this.#past.get(serial, version, turn)
    return row === undefined ? null : { seq: Number(row['seq']), head: String(row['head']) }
  }

  /** The version that a change of this name made, while it is one of the last; null = it made none. */
  made({ serial, state }: ContextRow, turn: string): ContextState | null {
    if (turn === '' || turn === state.turn) return turn === '' ? null : state
    const row = this.#made.get(serial, turn)
    return row === undefined ? null : { ...state, version: Number(row['version']), turn, seq: Number(row['seq']), head: String(row['head']) }
  }

  update({ serial, state }: ContextRow, facts: { readonly turn: string, readonly metadata: string, readonly settings: string, readonly ttl: number | null }, { segment, seq, head, total }: TriePlace, now: number): ContextRow {
    const { turn, metadata, settings, ttl } = facts
    this.#remember.run(serial, state.version, state.turn, state.seq, state.head)
    this.#forget.run(serial, state.version - CONTEXT_VERSIONS)
    return returned(this.#update.get(turn, segment, seq, head, total, metadata, settings, ttl, now, ttl === null ? null : now + ttl, serial))
  }

  tag(serial: number, name: string, { segment, seq, head }: TriePlace): void {
    this.#database.prepare('INSERT INTO tag VALUES (?, ?, ?, ?, ?) ON CONFLICT (context, name) DO UPDATE SET segment = excluded.segment, seq = excluded.seq, head = excluded.head').run(serial, name, segment, seq, head)
  }

  tags(serial: number): { readonly name: string, readonly segment: number, readonly seq: number, readonly head: string }[] {
    return this.#database.prepare('SELECT name, segment, seq, head FROM tag WHERE context = ? ORDER BY name').all(serial)
      .map(row => ({ name: String(row['name']), segment: Number(row['segment']), seq: Number(row['seq']), head: String(row['head']) }))
  }

  notes(serial: number): readonly ContextNote[] {
    return this.#database.prepare('SELECT name, version, value, updated FROM note WHERE context = ? ORDER BY name').all(serial)
      .map(row => ({ name: String(row['name']), version: Number(row['version']), value: String(row['value']), updatedAt: Number(row['updated']) }))
  }

  /** `value` '' = it goes. */
  note(serial: number, name: string, value: string, version: number, now: number): void {
    if (value === '') this.#database.prepare('DELETE FROM note WHERE context = ? AND name = ?').run(serial, name)
    else this.#database.prepare('INSERT INTO note VALUES (?, ?, ?, ?, ?) ON CONFLICT (context, name) DO UPDATE SET version = excluded.version, value = excluded.value, updated = excluded.updated').run(serial, name, version, value, now)
  }

  copyNotes(from: number, to: number): void {
    this.#database.prepare('INSERT INTO note SELECT ?, name, 1, value, updated FROM note WHERE context = ?').run(to, from)
  }

  /** Its tags and notes go with it. */
  delete(serial: number): void {
    this.#database.prepare('DELETE FROM context WHERE serial = ?').run(serial)
  }
}

function returned(row: Row | undefined): ContextRow {
  if (row === undefined) throw new Error('contexts: a row is missing')
  return contextRow(row)
}
