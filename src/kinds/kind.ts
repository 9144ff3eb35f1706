/**
 * A resource kind as pure data: its names, its ARN forms and, step by step, what a job of it asks the policy engine.
 * Preflight, drivers, documentation and tests all read the same table.
 */

/** Condition keys of one decision: AWS's names to one value or several. */
export type StepContext = Readonly<Record<string, string | readonly string[]>>

/** What a step is done to. Which fields are present depends on the kind and the step. */
export interface StepTarget {
  /** The resource that is backed up or was. */
  readonly resourceArn: string
  /** Tags of the resource the step acts on, for `aws:ResourceTag/KEY`. */
  readonly resourceTags?: Readonly<Record<string, string>> | undefined
  readonly recoveryPointArn?: string | undefined
  readonly backupVaultArn?: string | undefined
  /** The vault that a copy goes to. */
  readonly destinationVaultArn?: string | undefined
  /** The key that the vault is under beside the server's. */
  readonly encryptionKeyArn?: string | undefined
  /** What a restore makes or fills. */
  readonly targetArn?: string | undefined
  readonly targetTags?: Readonly<Record<string, string>> | undefined
  /** One object or item inside the resource, as the service writes it behind the resource's ARN. */
  readonly objectArn?: string | undefined
  /** Tags that the step sets, for `aws:RequestTag/KEY` and `aws:TagKeys`. */
  readonly requestTags?: Readonly<Record<string, string>> | undefined
}

/** One decided call of a driver on a resource. */
export interface Step {
  /** Unique within the kind, e.g. `ReadObject`. */
  readonly name: string
  /** The IAM action, as AWS's own service names it, e.g. `s3:GetObject`. */
  readonly action: string
  /** Every ARN that the action must be allowed on; a call goes ahead only when all are. */
  readonly arns: (target: StepTarget) => readonly string[]
  /** Condition keys beside those every decision has (docs/condition-keys.md). */
  readonly context?: (target: StepTarget) => StepContext
  /** A denial of an optional step takes a power away instead of failing the job. */
  readonly optional?: boolean
  /** Asked only where a restore makes its target: one that fills an existing one never comes to it. */
  readonly onlyNew?: boolean
  /**
   * Asked for each item on an ARN of its own, which nobody knows before the job reads it. `ownKeys` are the condition keys, or
   * their beginnings up to and with the slash, that hold what the item itself says.
   */
  readonly perItem?: { readonly ownKeys: readonly string[] }
}

/** What is known of a backup before it runs. */
export interface BackupFacts {
  readonly resourceArn: string
  readonly resourceTags: Readonly<Record<string, string>>
  readonly recoveryPointArn: string
  readonly backupVaultArn: string
}

/** What is known of a restore before it runs; the tags are those that the target is to get. */
export interface RestoreFacts extends BackupFacts {
  readonly targetArn: string
}

/** A registered resource as reading it is decided on. */
export interface Source {
  readonly arn: string
  /** Given at registration, and to no other resource ever after. */
  readonly uniqueId: string
  readonly name: string
  /** Of its connection, as stored. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** What reading at the source takes. */
export interface SourceRead {
  readonly action: string
  /** All of which it must be allowed on. */
  readonly resources: readonly string[]
  /**
   * Where `resources` are prefixes, each standing for every item whose ARN begins so: condition keys of an item's own, as in
   * `Step.perItem`.
   */
  readonly below?: { readonly ownKeys: readonly string[] }
}

/** Resource type names as AWS Backup spells them. */
export type ResourceType = 'EFS' | 'RDS' | 'S3'

export interface ArnParts {
  readonly region: string
  readonly accountId: string
}

export interface Kind {
  readonly type: ResourceType
  /** IAM service prefix of the resource's own service, e.g. `elasticfilesystem`. */
  readonly service: string
  /** True where recovery points carry `arn:aws:backup:` ARNs ("full management"). */
  readonly isFullyManaged: boolean
  /**
   * AWS's service gives its denials as encoded messages (EC2 does): a job's denial carries one behind the plain sentence, which
   * sts:DecodeAuthorizationMessage opens.
   */
  readonly encodesDenials?: boolean
  /** ARN of the resource called `name` (a database, bucket or file-system id). */
  readonly resourceArn: (parts: ArnParts & { readonly name: string }) => string
  /** ARN of the recovery point that job `jobId` makes at `createdAt`. */
  readonly recoveryPointArn: (
    parts: ArnParts & { readonly jobId: string; readonly name: string; readonly createdAt: Date },
  ) => string
  /** The form of all ARNs that `recoveryPointArn` gives to backups of one resource: `*` where each job has its own. */
  readonly recoveryPointPattern: (parts: ArnParts & { readonly name: string }) => string
  /** What it takes to list what of this kind is behind a connection: what AWS asks for the list of all. */
  readonly discover: (parts: ArnParts) => { readonly action: string; readonly resource: string }
  /**
   * What it takes to read what a recovery point holds at the source itself, of all of it or of what a restore with this metadata
   * asks for (docs/restore-guard.md).
   */
  readonly read: (source: Source, metadata?: Readonly<Record<string, string>>) => SourceRead
  /** What the steps of a backup are decided on; items add their own ARN and tags. */
  readonly backupTarget: (facts: BackupFacts) => StepTarget
  readonly restoreTarget: (facts: RestoreFacts) => StepTarget
  /** Steps of a backup, in the order in which a job meets them. */
  readonly backup: Readonly<Record<string, Step>>
  /** Each under its own name. */
  readonly restore: Readonly<Record<string, Step>>
  /** Steps of deleting or expiring a recovery point on the source service's side; empty where there is none. */
  readonly remove: Readonly<Record<string, Step>>
  /** Restore metadata keys that the kind understands; `required` ones must be present. */
  readonly restoreMetadata: Readonly<Record<string, { readonly required: boolean; readonly meaning: string }>>
}
