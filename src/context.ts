import type { Access, AccessQuestion, Preview } from './access/authorize.ts'
import type { Principal } from './access/principal.ts'
import type { Clock } from './lib/clock.ts'
import type { Log } from './lib/log.ts'
import type { EncryptionKeys } from './keyring/encryption-keys.ts'
import type { ServerKey } from './keyring/server-key.ts'
import type { OwnEndpoint } from './egress/addresses.ts'
import type { Issuers } from './oidc/issuers.ts'
import type { AuditAnchorage } from './store/audit/audit-heads.ts'
import type { Store } from './store/store.ts'

/** Condition keys that a call adds to those of the request itself. */
export type CallContext = Readonly<Record<string, string | readonly string[]>>

/** What an operation has that anybody may call: nobody is known yet, and nothing was authorised. */
export interface UnsignedContext {
  readonly requestId: string
  /** The region that the request is for: one of those that this server serves. */
  readonly region: string
  /** Milliseconds since 1970 when the request came. */
  readonly now: number
  readonly clock: Clock
  readonly store: Store
  readonly serverKey: ServerKey
  /** What identity providers publish of themselves, as far as it is known. */
  readonly issuers: Issuers
  readonly log: Log
  /** Address of the client, for `aws:SourceIp`. */
  readonly sourceIp: string | undefined
  readonly server: ServerFacts
}

/** What an operation may rely on. The call itself is authorised already when a handler gets it. */
export interface Context extends UnsignedContext {
  readonly principal: Principal
  readonly accountId: string
  /**
   * Decides a further action for the caller, records the decision, and returns when it is allowed.
   * @throws {AwsError} AccessDenied (403) with principal, action, resource and the reason.
   */
  authorize(action: string, resource: string, context?: CallContext): Promise<void>
  /** The same decision for a handler that may go on after a refusal. */
  ask(question: AccessQuestion): Promise<Access>
  /** Tells the client something beside the answer: a header, which must hold no secret. */
  warn(text: string): void
  readonly preview: Preview
}

/** What is the same for every request of one server. */
export interface ServerFacts {
  readonly version: string
  readonly serverId: string
  readonly managementAccountId: string
  /** The regions that this server serves, its own first. */
  readonly regions: readonly string[]
  /** Where the vaults of regions lie that are not the server's own: never a resource. */
  readonly vaultRoots: readonly string[]
  /** By region: the directory that the cold storage of its vaults may lie in. Among `vaultRoots`, too. */
  readonly coldRoots?: ReadonlyMap<string, string> | undefined
  /** Directory of the server's own data: never a resource. */
  readonly dataDir: string
  /** Directories that resources and restores may lie in, beside those the management account registers. */
  readonly allowedRoots: readonly string[]
  readonly allowedEndpoints: readonly string[]
  readonly recoveryKitPath: string | undefined
  /** Those that vaults may be made under beside the server's own key. */
  readonly encryptionKeys: EncryptionKeys
  /** Files with secrets outside of the data directory: the database's address, the TLS key, keys. */
  readonly keyFiles?: readonly string[] | undefined
  /** By which others reach it, without a slash at its end. */
  readonly publicUrl: () => string
  /** Host and port the server listens on: never an endpoint of a resource. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Ends of audit chains that are known outside of the database: in the data directory and the system vault. */
  readonly auditAnchors?: (() => Promise<AuditAnchorage>) | undefined
  /** The server's own database, where it is a server: never a resource either. */
  readonly ownEndpoints: readonly OwnEndpoint[]
}
