/** Where a restore goes to, as a person chooses it. */
export interface RestoreTarget {
  /** `present`: into what is registered, of a directory the one that was backed up; `other`: into another directory. */
  readonly to: 'new' | 'other' | 'present'
  /** Of what is new, or of a database or bucket that is registered. */
  readonly name: string
  /** Of `other`; undefined: not chosen yet. */
  readonly directory: { readonly arn: string; readonly label: string } | undefined
  /** Paths or keys, one a line; empty: everything. */
  readonly items: string
}

/** Of a directory's 128 characters, for the name of what it is a copy of. */
const MAX_SOURCE = 80

export type Metadata = Readonly<Record<string, string>>

/** What StartRestoreJob takes for this type: what the recovery point says of itself, with the choices over it. */
export function metadataOf(
  type: string,
  given: Metadata,
  { to, name, directory, items }: RestoreTarget,
): Metadata {
  const isNew = to === 'new'
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
        ...(to === 'other' && { 'file-system-id': directory?.arn.split('/').at(-1) ?? '' }),
      }
    case 'RDS':
      return { ...only, DBInstanceIdentifier: name }
    case 'S3':
      return { ...only, DestinationBucketName: name, NewBucket: String(isNew) }
    default:
      return given
  }
}

/**
 * What to call a directory that a restore makes, which else shows as an id: after what it is a copy of, and when.
 *
 * @returns Empty for databases and buckets, whose names people choose.
 */
export function suggestedName(type: string, source: string, at: Date): string {
  if (type !== 'EFS') return ''
  const plain = source.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[._-]+/, '')
  const minute = at.toISOString().slice(0, 16).replace(':', '-')
  return `${plain.slice(0, MAX_SOURCE)}${plain === '' ? '' : '-'}restored-${minute}`
}
