import { randomHex } from '../lib/ids.ts'
import {
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/roleback.ts'
import type {
  DeleteStorageInput,
  ListStoragesOutput,
  PutStorageInput,
  PutStorageOutput,
  Storage,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { allResourcesOfType } from '../store/resources/resources.ts'
import type { StorageTable } from '../store/vaults/schema-storages.ts'
import {
  countVaultsIn,
  deleteStorage as deleteRow,
  findStorage,
  listStorages as listRows,
  putStorage as putRow,
  storageSecretOwner,
  storageSettings,
} from '../store/vaults/storages.ts'
import type { StorageSettings } from '../store/vaults/storages.ts'
import { refuseTenants } from './accounts.ts'
import { bandwidthOf, toBandwidth } from './bandwidth.ts'
import { bucketHost, hostPortOf, isSameHost, ownOrForbidden } from './endpoints.ts'
import { mayChangeRules, mayReadRules } from './server-rules.ts'
import { testConnection } from './test-connection.ts'

/**
 * Buckets that vaults lie in (docs/adr/0016). They are the whole server's: only the management account sees and sets them (R26), and it
 * takes the right over an account's security rules beside the own one (R11).
 */
/** How refusals of a storage begin. */
const CANNOT = 'Cannot put this storage'

export async function putStorage(ctx: Context, input: PutStorageInput): Promise<PutStorageOutput> {
  await refuseTenants(ctx, 'roleback:PutStorage')
  await mayChangeRules(ctx, 'storages')
  const before = await findStorage(ctx.store.db, input.Name)
  const settings = settingsOf(input)
  await checkPlace(ctx, settings)
  if (before !== undefined) await checkMove(ctx, before, settings)
  const secret = input.Secret ?? secretBefore(ctx, before, settings)
  await tryOut(ctx, settings, secret)
  const version = (before?.version ?? 0) + 1
  const row: StorageTable = {
    name: input.Name,
    settings: JSON.stringify(settings),
    secret: ctx.serverKey.seal(
      'storage',
      storageSecretOwner({ name: input.Name, version }),
      Buffer.from(secret),
    ),
    version,
    for_new_vaults: input.NewVaults === undefined ? 0 : 1,
    account_id: input.NewVaults?.AccountId ?? null,
    region: input.NewVaults?.Region ?? null,
    created_at: before?.created_at ?? ctx.now,
    created_by: before?.created_by ?? ctx.principal.arn,
  }
  if (!(await putRow(ctx.store.db, row))) {
    throw new InvalidRequestException(
      `Storage ${row.name} was changed by somebody else at the same time. Look at it and try again`,
    )
  }
  return { Storage: await toStorage(ctx, row) }
}

export async function listStorages(ctx: Context): Promise<ListStoragesOutput> {
  await refuseTenants(ctx, 'roleback:ListStorages')
  await mayReadRules(ctx, 'storages')
  const rows = await listRows(ctx.store.db)
  return { Storages: await Promise.all(rows.map((row) => toStorage(ctx, row))) }
}

export async function deleteStorage(
  ctx: Context,
  { Name }: DeleteStorageInput,
): Promise<Record<string, never>> {
  await refuseTenants(ctx, 'roleback:DeleteStorage')
  await mayChangeRules(ctx, 'storages')
  await ctx.store.transaction(async (tx) => {
    const vaults = await countVaultsIn(tx, Name)
    if (vaults > 0) {
      throw new InvalidRequestException(
        `Storage ${Name} cannot be deleted: ${vaults} ${vaults === 1 ? 'vault lies' : 'vaults lie'} in it. Delete them first`,
      )
    }
    if (!(await deleteRow(tx, Name)))
      throw new ResourceNotFoundException(`There is no storage ${Name}`, { Context: Name })
  })
  return {}
}

function settingsOf(input: PutStorageInput): StorageSettings {
  const url = URL.canParse(input.Endpoint) ? new URL(input.Endpoint) : undefined
  const isAlone =
    url?.username === '' && url.password === '' && /^\/?$/.test(url.pathname) && url.search === ''
  if (url === undefined || !/^https?:$/.test(url.protocol) || !isAlone)
    throw invalid('Endpoint', `"${input.Endpoint}" is not http(s)://HOST[:PORT] alone`)
  const [bucket = '', ...folders] = input.Location.slice('s3://'.length).split('/').filter(Boolean)
  if (folders.includes('.') || folders.includes('..'))
    throw invalid('Location', `"${input.Location}" leads elsewhere`)
  return {
    kind: 's3',
    endpoint: url.origin,
    region: input.Region ?? 'us-east-1',
    bucket,
    prefix: folders.map((folder) => `${folder}/`).join(''),
    accessKeyId: input.AccessKeyId,
    forcePathStyle: input.ForcePathStyle ?? true,
    ...(input.Bandwidth !== undefined && { bandwidth: bandwidthOf(input.Bandwidth, CANNOT) }),
  }
}

/** Nothing of the server's own, nothing link-local, and no bucket that is backed up: it would hold its own backup. */
async function checkPlace(ctx: Context, settings: StorageSettings): Promise<void> {
  const { endpoint, bucket } = settings
  const at = hostPortOf(endpoint)
  const { host, port } = bucketHost(settings)
  for (const asked of new Set([at.host, host])) {
    const reason = await ownOrForbidden(ctx, 'Endpoint', asked, port)
    if (reason !== undefined) throw invalid('Endpoint', `"${asked}:${port}" cannot hold vaults: ${reason}`)
  }
  for (const resource of await allResourcesOfType(ctx.store.db, 'S3')) {
    const theirs = JSON.parse(resource.settings) as { endpoint: string; bucket: string }
    if (theirs.bucket === bucket && (await isSameHost(at, hostPortOf(theirs.endpoint))))
      throw invalid(
        'Location',
        `bucket ${bucket} is registered as ${resource.arn}: it would hold its own backup`,
      )
  }
}

/** Vaults do not move: pointing their storage elsewhere would lose them. Another name of the same service is no other place. */
async function checkMove(ctx: Context, before: StorageTable, settings: StorageSettings): Promise<void> {
  const vaults = await countVaultsIn(ctx.store.db, before.name)
  if (vaults === 0) return
  const old = storageSettings(before)
  const isSame =
    old.bucket === settings.bucket &&
    old.prefix === settings.prefix &&
    (await isSameHost(bucketHost(settings), bucketHost(old)))
  if (isSame) return
  throw new InvalidRequestException(
    `Storage ${before.name} cannot be pointed elsewhere: ${vaults} ${vaults === 1 ? 'vault lies' : 'vaults lie'} in it. Put another storage for new vaults`,
  )
}

/** A stored secret goes only where it was given for. */
function secretBefore(ctx: Context, before: StorageTable | undefined, settings: StorageSettings): string {
  const old = before && storageSettings(before)
  const isSame =
    old?.endpoint === settings.endpoint &&
    old.bucket === settings.bucket &&
    old.accessKeyId === settings.accessKeyId &&
    old.forcePathStyle === settings.forcePathStyle
  if (before === undefined || !isSame) {
    throw new InvalidRequestException(
      before === undefined
        ? 'A new storage needs the secret access key'
        : `Changing endpoint, bucket, access key or path style of storage ${before.name} needs the secret again: the stored one was given for the old settings`,
    )
  }
  return ctx.serverKey.open('storage', storageSecretOwner(before), before.secret).toString()
}

/** Has a worker reach the bucket. Whether it does all that a vault asks of it says `doctor storage`. */
async function tryOut(ctx: Context, settings: StorageSettings, secret: string): Promise<void> {
  const { kind: _kind, prefix: _prefix, bandwidth: _bandwidth, ...connection } = settings
  const uniqueId = randomHex(16)
  await testConnection(ctx, {
    uniqueId,
    version: 1,
    type: 'S3',
    arn: `arn:aws:s3:::${settings.bucket}`,
    settings: connection,
    secret: ctx.serverKey.seal('connection', `${uniqueId} 1`, Buffer.from(secret)),
  })
}

async function toStorage(ctx: Context, row: StorageTable): Promise<Storage> {
  const { endpoint, region, bucket, prefix, accessKeyId, forcePathStyle, bandwidth } = storageSettings(row)
  return {
    Name: row.name,
    Location: `s3://${bucket}/${prefix}`,
    Endpoint: endpoint,
    Region: region,
    AccessKeyId: accessKeyId,
    ForcePathStyle: forcePathStyle,
    NewVaults:
      row.for_new_vaults === 0
        ? undefined
        : { AccountId: row.account_id ?? undefined, Region: row.region ?? undefined },
    Bandwidth: bandwidth && toBandwidth(bandwidth),
    Vaults: await countVaultsIn(ctx.store.db, row.name),
    CreationDate: new Date(row.created_at),
    CreatedBy: row.created_by,
  }
}

function invalid(member: string, reason: string): InvalidParameterValueException {
  return new InvalidParameterValueException(`${CANNOT}: ${reason}`, { Context: member })
}
