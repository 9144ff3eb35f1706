/** Where a restore goes to, as a person chooses it. */
export interface RestoreTarget {
  readonly isNew: boolean
  readonly name: string
  /** Paths or keys, one a line; empty: everything. */
  readonly items: string
}

export type Metadata = Readonly<Record<string, string>>

/** What StartRestoreJob takes for this type: what the recovery point says of itself, with the choices over it. */
export function metadataOf(type: string, given: Metadata, { isNew, name, items }: RestoreTarget): Metadata {
  const lines = items
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const only: Metadata = lines.length === 0 ? {} : { ItemsToRestore: JSON.stringify(lines) }
  switch (type) {
    case 'EFS':
      return {
        ...given,
        ...only,
        newFileSystem: String(isNew),
        ...(isNew && name !== '' && { CreationToken: name }),
      }
    case 'RDS':
      return { ...only, DBInstanceIdentifier: name }
    case 'S3':
      return { ...only, DestinationBucketName: name, NewBucket: String(isNew) }
    default:
      return given
  }
}
