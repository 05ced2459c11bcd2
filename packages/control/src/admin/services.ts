import type { CallRecord, KeyStore, SubjectView } from '@headrace/contract'
import type { RateWindow } from '@headrace/stores'
import type { ConfigKeeper } from '../config/config-keeper.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Problem } from '../problem-list.ts'

/** What the admin API speaks of. */
export interface AdminServices {
  readonly keeper: ConfigKeeper
  readonly fleet: Fleet
  readonly rates: RateWindow
  readonly keys: KeyStore
  readonly calls: CallLog
  /** How targets and credentials stood a second ago, at most. */
  readonly targets: () => readonly SubjectView[]
  /** Path of the ledger's database. */
  readonly ledger: string
}

/** The call log, seen by those who read it. */
export interface CallLog {
  /** Path of its database. */
  readonly database: string
  /** Rows as they are stored. Returns the unsubscriber. */
  readonly onRow: (listener: (record: CallRecord) => void) => () => void
  /** Resolves when what lay there at the start is stored. */
  readonly recovered: () => Promise<void>
  readonly problems: () => readonly Problem[]
}
