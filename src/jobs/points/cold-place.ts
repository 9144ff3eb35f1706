import { findVault, setVaultLock } from '../../store/vaults/vaults.ts'
import type { VaultTable } from '../../store/schema.ts'
import type { PointRecord } from '../../vault/points/heads.ts'
import type { Vault } from '../../vault/vault.ts'
import type { JobTools } from '../tools.ts'

/**
 * Where a vault's cold storage lies, as its own records say (docs/vault-format.md, section 19): who has lost the server finds what was
 * moved there. Only whoever has the vault's keys can have written it.
 */
export type ColdPlace =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 's3'
      /** Name of the server's storage. */
      readonly storage: string
      readonly endpoint: string
      readonly region: string
      readonly bucket: string
      /** The storage's, empty or ending in `/`; the store itself lies in `folder` below it. */
      readonly prefix: string
      readonly folder: string
      readonly forcePathStyle: boolean
    }

const MEMBER = 'coldStorage'

/** Undefined where nothing was moved yet. */
export function coldPlaceIn(record: PointRecord): ColdPlace | undefined {
  const said = record[MEMBER]
  return typeof said === 'object' && said !== null ? (said as ColdPlace) : undefined
}

/** How people name such a place. */
export const placeText = (place: ColdPlace): string =>
  place.kind === 'directory' ? place.path : `${bucketText(place)} at ${place.endpoint}`

export const bucketText = ({
  bucket,
  prefix,
  folder,
}: Pick<ColdPlace & { kind: 's3' }, 'bucket' | 'prefix' | 'folder'>): string =>
  `s3://${bucket}/${prefix}${folder}`

/** Seals where the cold storage is into the vault, before the first recovery point is moved there, and when it lies elsewhere since. */
export async function sealColdPlace(tools: JobTools, row: VaultTable, warm: Vault): Promise<void> {
  const place = await tools.vaults.coldPlace(row)
  const { number, record } = await warm.addRecord((present) =>
    JSON.stringify(present.record[MEMBER]) === JSON.stringify(place) ? undefined : { [MEMBER]: place },
  )
  await tools.store.transaction(async (tx) => {
    const { sealed_records: sealed } = (await findVault(tx, row.account_id, row.region, row.name)) ?? row
    const known = sealed === null ? 0 : (JSON.parse(sealed) as { readonly number: number }).number
    if (known < number) await setVaultLock(tx, row, { sealed_records: JSON.stringify({ number, record }) })
  })
}
