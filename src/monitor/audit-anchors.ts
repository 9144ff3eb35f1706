import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ServerKey } from '../keyring/server-key.ts'
import { SealError } from '../keyring/server-key.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { AuditChain } from '../store/audit/audit-chain.ts'
import type { AuditHead } from '../store/audit/audit-heads.ts'

/** A look at the chain's end so often, in milliseconds. */
const LOOK_MS = 5_000
/** Anchored after so many records, or when records are this old, in milliseconds. */
const EVERY_RECORDS = 1_000
const EVERY_MS = 300_000
/** Ends of chains that are kept; earlier ones are named by the starts of later chains. */
const MAX_CHAINS = 256

interface Options {
  readonly dataDir: string
  readonly serverKey: ServerKey
  readonly chain: AuditChain
  readonly clock: Clock
  readonly log: Log
}

/**
 * Keeps the end of this process's chain where whoever changes the database does not reach: sealed in a file of the data directory, and
 * as a line of the log, which syslog or journald carry away. What is cut off before an anchor is missed by `VerifyAudit`.
 */
export class AuditAnchors {
  readonly #options: Options
  readonly #file: string
  #heads: AuditHead[]
  #timer: NodeJS.Timeout | undefined
  #at = 0

  constructor(options: Options) {
    this.#options = options
    this.#file = join(options.dataDir, 'audit-anchors')
    this.#heads = existsSync(this.#file) ? this.#read() : []
    this.#at = options.clock.monotonic()
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  /** Anchors what is there. */
  stop(): void {
    clearInterval(this.#timer)
    this.#anchor()
  }

  /** The ends that are known: also that of now, so that a check sees what was cut off a moment ago. */
  heads(): readonly AuditHead[] {
    const { head } = this.#options.chain
    return head === undefined ? this.#heads : withHead(this.#heads, head)
  }

  #look(): void {
    const { chain, clock, log } = this.#options
    const known = this.#heads.at(-1)
    const isSame = known?.chainId === chain.head?.chainId
    const since = isSame ? (chain.head?.chainSeq ?? 0) - (known?.chainSeq ?? 0) : EVERY_RECORDS
    if (since < EVERY_RECORDS && clock.monotonic() - this.#at < EVERY_MS) return
    try {
      this.#anchor()
    } catch (error) {
      log.error('the audit trail could not be anchored', { file: this.#file, error: String(error) })
    }
  }

  #anchor(): void {
    const { chain, clock, log } = this.#options
    const { head } = chain
    const known = this.#heads.at(-1)
    if (head === undefined || (known?.chainId === head.chainId && known.chainSeq === head.chainSeq)) return
    this.#write(withHead(this.#heads, head))
    this.#at = clock.monotonic()
    log.info('audit anchor', { chain: head.chainId, sequence: head.chainSeq, mac: head.mac })
  }

  #read(): AuditHead[] {
    const { serverKey, log } = this.#options
    const sealed = readFileSync(this.#file, 'utf8').trim()
    try {
      return JSON.parse(serverKey.open('audit-anchors', 'server', sealed).toString()) as AuditHead[]
    } catch (error) {
      if (!(error instanceof SealError)) throw error
      // Backups must go on; the log's own anchors are there to check with.
      log.error('the anchors of the audit trail are damaged: they begin anew', { file: this.#file })
      return []
    }
  }

  #write(heads: AuditHead[]): void {
    const sealed = this.#options.serverKey.seal('audit-anchors', 'server', Buffer.from(JSON.stringify(heads)))
    const fresh = `${this.#file}.new`
    const fd = openSync(fresh, 'w', 0o600)
    try {
      writeSync(fd, `${sealed}\n`)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(fresh, this.#file)
    const folder = openSync(dirname(this.#file), 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
    this.#heads = heads
  }
}

/** The newest last. */
function withHead(heads: readonly AuditHead[], head: AuditHead): AuditHead[] {
  return [...heads.filter(({ chainId }) => chainId !== head.chainId), head].slice(-MAX_CHAINS)
}
