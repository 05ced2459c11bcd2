import type { DatabaseSync } from 'node:sqlite'
import { etagOf, type ContextChange, type ContextDraft, type ContextFound, type ContextKind, type ContextKnown, type ContextNote, type ContextOutcome, type ContextPlace, type ContextQuery, type ContextReading, type ContextState, type ContextStore, type ContextTag } from '@headrace/contract'
import { knownOf, meets, versionOf } from '../contexts/meets.ts'
import { refuseNote } from '../contexts/refuse-note.ts'
import { CONTEXT_SCHEMA, contextRow, ContextRows, NOTE_SCHEMA, type ContextRow } from './context-rows.ts'
import { GroupCommit } from './group-commit.ts'
import { ItemTrie, ROOT, TRIE_SCHEMA, type TriePlace } from './item-trie.ts'
import { BUSY_MS, openDatabase } from './open-database.ts'

const MIGRATIONS: readonly string[] = Object.freeze([`${TRIE_SCHEMA}${CONTEXT_SCHEMA} INSERT INTO node_text (node_text, rank) VALUES ('secure-delete', 1);`, NOTE_SCHEMA])

/** Contexts that hold an item: those that end behind it in its run, and those of runs that branch off behind it. */
const HOLDERS = `WITH RECURSIVE run (id, seq) AS (SELECT ?1, ?2 UNION SELECT segment.id, segment.parent_seq + 1 FROM segment JOIN run ON segment.parent = run.id AND segment.parent_seq >= run.seq)
  SELECT context.* FROM run JOIN context ON context.segment = run.id AND context.seq >= run.seq WHERE context.tenant = ?3 AND (context.expires IS NULL OR context.expires > ?4) ORDER BY context.serial DESC LIMIT ?5`
const FOUND = `SELECT node_text.rowid AS place, node.head, snippet(node_text, 0, '', '', '…', 32) AS excerpt FROM node_text JOIN node ON node.place = node_text.rowid
  WHERE node_text MATCH ? AND node.tenant = ? ORDER BY node_text.rank LIMIT ?`

/** Contexts in their own SQLite file, `synchronous=FULL`. Its one instance is the file's only writer. */
export class SqliteContextStore implements ContextStore {
  readonly #database: DatabaseSync
  readonly #commit: GroupCommit
  readonly #trie: ItemTrie
  readonly #rows: ContextRows

  /** Opens or creates the file. Throws if it cannot be used. */
  constructor(path: string) {
    const database = this.#database = openDatabase(path, { synchronous: 'FULL', migrations: MIGRATIONS })
    // What is deleted is overwritten: contexts are people's texts.
    database.exec('PRAGMA secure_delete = ON')
    this.#commit = new GroupCommit(database)
    this.#trie = new ItemTrie(database)
    this.#rows = new ContextRows(database)
  }

  create(tenant: string, draft: ContextDraft, now: number): Promise<ContextOutcome> {
    return this.#commit.run(() => this.#add(tenant, draft, ROOT, now))
  }

  fork(tenant: string, id: string, seq: number | null, draft: ContextDraft, now: number): Promise<ContextOutcome> {
    return this.#commit.run(() => {
      const from = this.#rows.find(tenant, id, now)
      if (from === null) return UNKNOWN
      const place = seq === null ? from.place : this.#trie.back(from.place, seq)
      return place === null ? NO_SUCH_PLACE : this.#add(tenant, draft, place, now, from.serial)
    })
  }

  async read(tenant: string, id: string, known: ContextKnown | null, now: number): Promise<ContextReading | null> {
    const row = this.#rows.find(tenant, id, now)
    return row === null ? null : this.#reading(row, known)
  }

  async state(tenant: string, id: string, now: number): Promise<ContextState | null> {
    return this.#rows.find(tenant, id, now)?.state ?? null
  }

  async made(tenant: string, id: string, turn: string, now: number): Promise<ContextState | null> {
    const row = this.#rows.find(tenant, id, now)
    return row === null ? null : this.#rows.made(row, turn)
  }

  change(tenant: string, id: string, change: ContextChange, now: number): Promise<ContextOutcome> {
    return this.#commit.run(() => {
      const row = this.#rows.find(tenant, id, now)
      if (row === null) return UNKNOWN
      const made = this.#rows.made(row, change.turn)
      if (made !== null) return { kind: 'done', state: made }
      if (change.expect !== null && !meets(row.state, change.expect)) return { kind: 'stale', reading: this.#reading(row, knownOf(change.expect)) }
      const other = change.note === undefined ? null : refuseNote(this.#rows.notes(row.serial), change.note)
      if (other !== null) return other
      const start = change.rewindTo === undefined ? row.place : this.#trie.back(row.place, change.rewindTo)
      if (start === null) return NO_SUCH_PLACE
      const place = this.#trie.append(tenant, start, change.append ?? [])
      return place === null ? FULL : { kind: 'done', state: this.#move(row, change, place, now).state }
    })
  }

  async tags(tenant: string, id: string, now: number): Promise<readonly ContextTag[]> {
    const row = this.#rows.find(tenant, id, now)
    return row === null ? [] : this.#rows.tags(row.serial).map(({ name, seq, head }) => ({ name, seq, head }))
  }

  async notes(tenant: string, id: string, now: number): Promise<readonly ContextNote[]> {
    const row = this.#rows.find(tenant, id, now)
    return row === null ? [] : this.#rows.notes(row.serial)
  }

  async remove(tenant: string, id: string): Promise<boolean> {
    const removed = await this.#commit.run(() => {
      const row = this.#rows.find(tenant, id, -Infinity)
      if (row !== null) this.#drop(row)
      return row !== null
    })
    if (removed) this.#emptyLog()
    return removed
  }

  async list(tenant: string, { kind, before, most }: ContextQuery, now: number): Promise<readonly ContextState[]> {
    const serial = before === null ? Number.MAX_SAFE_INTEGER : this.#rows.find(tenant, before, -Infinity)?.serial ?? 0
    return this.#database.prepare('SELECT * FROM context WHERE tenant = ? AND kind = ? AND serial < ? AND (expires IS NULL OR expires > ?) ORDER BY serial DESC LIMIT ?')
      .all(tenant, kind, serial, now, most).map(row => contextRow(row).state)
  }

  async search(tenant: string, words: string, most: number, now: number): Promise<readonly ContextFound[]> {
    const quoted = words.split(/\s+/).filter(word => word !== '').map(word => `"${word.replaceAll('"', '""')}"`)
    if (quoted.length === 0) return []
    const found: ContextFound[] = []
    for (const item of this.#database.prepare(FOUND).all(quoted.join(' '), tenant, most)) {
      const place = this.#trie.find(tenant, String(item['head']))
      if (place === null) continue
      for (const row of this.#database.prepare(HOLDERS).all(place.segment, place.seq, tenant, now, most)) {
        found.push({ id: String(row['id']), kind: String(row['kind']) as ContextKind, seq: place.seq, head: place.head, excerpt: String(item['excerpt']) }) // only this class writes kinds
        if (found.length === most) return found
      }
    }
    return found
  }

  async prune(now: number, most: number): Promise<number> {
    const count = await this.#commit.run(() => {
      const over = this.#database.prepare('SELECT * FROM context WHERE expires <= ? ORDER BY expires LIMIT ?').all(now, most)
      for (const row of over) this.#drop(contextRow(row))
      return over.length
    })
    if (count > 0) this.#emptyLog()
    return count
  }

  async close(): Promise<void> {
    this.#commit.flush()
    this.#database.close()
  }

  /** `origin`: the context that it is a fork of. */
  #add(tenant: string, draft: ContextDraft, after: TriePlace, now: number, origin: number | null = null): ContextOutcome {
    const there = this.#rows.find(tenant, draft.id, -Infinity)
    if (there !== null && (there.state.expiresAt === null || there.state.expiresAt > now)) return EXISTS
    if (there !== null) this.#drop(there)
    const place = this.#trie.append(tenant, after, draft.items)
    if (place === null) return FULL
    const { serial, state } = this.#rows.insert(tenant, draft, place, now)
    if (origin !== null) this.#rows.copyNotes(origin, serial)
    return { kind: 'done', state }
  }

  #move(row: ContextRow, { turn, tag, note, metadata = row.state.metadata, settings = row.state.settings, ttlMs = row.ttl }: ContextChange, place: TriePlace, now: number): ContextRow {
    const moved = this.#rows.update(row, { turn, metadata, settings, ttl: ttlMs }, place, now)
    if (note !== undefined) this.#rows.note(row.serial, note.name, note.value, moved.state.version, now)
    const before = tag === undefined ? undefined : this.#rows.tags(row.serial).find(({ name }) => name === tag)
    if (tag !== undefined) this.#rows.tag(row.serial, tag, place)
    if (before !== undefined) this.#trie.release(before.segment)
    if (place.segment !== row.place.segment || place.seq < row.place.seq) this.#trie.release(row.place.segment)
    return moved
  }

  #drop(row: ContextRow): void {
    const segments = new Set([row.place.segment, ...this.#rows.tags(row.serial).map(({ segment }) => segment)])
    this.#rows.delete(row.serial)
    for (const segment of segments) this.#trie.release(segment)
  }

  /** What was deleted still stands in the log of changes (`-wal`), as it was written. Where somebody reads the file it stays until the next time: nobody waits for that. */
  #emptyLog(): void {
    this.#database.exec(`PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = ${BUSY_MS}`)
  }

  #past({ serial, state }: ContextRow, etag: string): ContextPlace | null {
    const version = versionOf(etag)
    return etag === etagOf(state) ? state : version === null ? null : this.#rows.past(serial, version.version, version.turn)
  }

  #reading(row: ContextRow, known: ContextKnown | null): ContextReading {
    const place = known !== null && 'etag' in known ? this.#past(row, known.etag) : known
    const from = place !== null && this.#trie.back(row.place, place.seq)?.head === place.head ? place.seq : 0
    return { state: row.state, from, items: this.#trie.items(row.place, from) }
  }
}

const UNKNOWN = Object.freeze({ kind: 'unknown' }), EXISTS = Object.freeze({ kind: 'exists' }), FULL = Object.freeze({ kind: 'full' }), NO_SUCH_PLACE = Object.freeze({ kind: 'no-such-place' })
