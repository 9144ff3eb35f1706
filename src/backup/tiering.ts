import { resourceTagKeys } from '../access/request-context.ts'
import {
  AlreadyExistsException,
  ConflictException,
  InvalidParameterValueException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  BackupApi,
  CreateTieringConfigurationInput,
  CreateTieringConfigurationOutput,
  DeleteTieringConfigurationInput,
  GetTieringConfigurationInput,
  GetTieringConfigurationOutput,
  ListTieringConfigurationsInput,
  ListTieringConfigurationsOutput,
  TieringConfigurationsListMember,
  UpdateTieringConfigurationInput,
  UpdateTieringConfigurationOutput,
} from '../aws/generated/backup.ts'
import type { OperationContext, Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import { noColdStorage } from '../plans/lifecycle.ts'
import { tieringProblem } from '../plans/tiering.ts'
import type { TieringSelection } from '../plans/tiering.ts'
import { vaultsWithColdStorage } from '../store/points/cold-points.ts'
import type { TieringConfigurationTable } from '../store/points/schema-tiering.ts'
import {
  deleteTiering,
  findTiering,
  insertTiering,
  listTierings,
  tieringOfVault,
  updateTiering,
} from '../store/points/tiering.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, putTags, tagsOf } from '../store/identity/tags.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { tieringConfigurationArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import { requestTags } from './request-tags.ts'
import { checkTags } from './tags.ts'

/**
 * Tiering configurations: after how many days the recovery points of buckets are moved to the second store of their vault, where they
 * stay warm (docs/adr/0033).
 */
const MAX_CONFIGURATIONS = 100

type Named = { readonly TieringConfigurationName: string }

/** A configuration's ARN ends in an id behind its name; for one that is not there the id is open. */
async function tiering(ctx: Context, { TieringConfigurationName: name }: Named): Promise<string> {
  return (await findTiering(ctx.store.db, ctx, name))?.arn ?? tieringConfigurationArn(ctx, `${name}-*`)
}

async function tieringContext(ctx: Context, input: Named): Promise<OperationContext> {
  return resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, await tiering(ctx, input)))
}

type TieringOperation =
  | 'CreateTieringConfiguration'
  | 'UpdateTieringConfiguration'
  | 'GetTieringConfiguration'
  | 'DeleteTieringConfiguration'
  | 'ListTieringConfigurations'

export const tieringOperations: Pick<Service<BackupApi, Context>, TieringOperation> = {
  CreateTieringConfiguration: {
    resource: (ctx, input) => tiering(ctx, input.TieringConfiguration),
    context: (_, input) => requestTags(input.TieringConfigurationTags),
    handler: createTieringConfiguration,
  },
  UpdateTieringConfiguration: {
    resource: tiering,
    context: tieringContext,
    handler: updateTieringConfiguration,
  },
  GetTieringConfiguration: { resource: tiering, context: tieringContext, handler: getTieringConfiguration },
  DeleteTieringConfiguration: {
    resource: tiering,
    context: tieringContext,
    handler: deleteTieringConfiguration,
  },
  ListTieringConfigurations: { resource: () => '*', handler: listTieringConfigurations },
}

async function createTieringConfiguration(
  ctx: Context,
  input: CreateTieringConfigurationInput,
): Promise<CreateTieringConfigurationOutput> {
  const { TieringConfigurationName: name, BackupVaultName, ResourceSelection } = input.TieringConfiguration
  const tags = checkTags(input.TieringConfigurationTags ?? {})
  const row: TieringConfigurationTable = {
    account_id: ctx.accountId,
    region: ctx.region,
    name,
    arn: tieringConfigurationArn(ctx, `${name}-${uuid()}`),
    vault_name: BackupVaultName,
    selections: selectionsOf(ResourceSelection),
    creator_request_id: input.CreatorRequestId ?? uuid(),
    created_at: ctx.now,
    updated_at: ctx.now,
  }
  const made = await ctx.store.transaction(async (tx) => {
    const present = await findTiering(tx, ctx, name)
    if (present !== undefined) {
      const isSame =
        present.creator_request_id === row.creator_request_id &&
        present.vault_name === row.vault_name &&
        present.selections === row.selections
      if (isSame) return present
      throw new AlreadyExistsException(`Tiering configuration with name ${name} already exists`, {
        Arn: present.arn,
        CreatorRequestId: present.creator_request_id,
      })
    }
    await checkVault(ctx, tx, row)
    const { rows } = await listTierings(tx, ctx, { limit: MAX_CONFIGURATIONS })
    if (rows.length >= MAX_CONFIGURATIONS)
      throw new LimitExceededException(
        `Cannot create tiering configuration ${name}: the account has ${MAX_CONFIGURATIONS} in ${ctx.region}, the limit. Delete one first`,
      )
    await insertTiering(tx, row)
    await putTags(tx, ctx.accountId, row.arn, tags)
    return row
  })
  return {
    CreationTime: new Date(made.created_at),
    TieringConfigurationArn: made.arn,
    TieringConfigurationName: made.name,
  }
}

/** What lies in a second store already stays there, whatever the configuration says from now on. */
async function updateTieringConfiguration(
  ctx: Context,
  input: UpdateTieringConfigurationInput,
): Promise<UpdateTieringConfigurationOutput> {
  const { BackupVaultName, ResourceSelection } = input.TieringConfiguration
  const selections = selectionsOf(ResourceSelection)
  const row = await tieringNamed(ctx, input.TieringConfigurationName)
  await ctx.store.transaction(async (tx) => {
    const changed = { ...row, vault_name: BackupVaultName, selections }
    await checkVault(ctx, tx, changed)
    const change = { vault_name: BackupVaultName, selections, updated_at: ctx.now }
    if (!(await updateTiering(tx, row, change))) throw noSuchTiering(row.name)
  })
  return {
    CreationTime: new Date(row.created_at),
    LastUpdatedTime: new Date(ctx.now),
    TieringConfigurationArn: row.arn,
    TieringConfigurationName: row.name,
  }
}

async function getTieringConfiguration(
  ctx: Context,
  input: GetTieringConfigurationInput,
): Promise<GetTieringConfigurationOutput> {
  const row = await tieringNamed(ctx, input.TieringConfigurationName)
  return {
    TieringConfiguration: {
      ...toMember(row),
      TieringConfigurationName: row.name,
      BackupVaultName: row.vault_name,
      CreatorRequestId: row.creator_request_id,
      ResourceSelection: JSON.parse(row.selections) as TieringSelection[],
    },
  }
}

async function deleteTieringConfiguration(
  ctx: Context,
  input: DeleteTieringConfigurationInput,
): Promise<Record<string, never>> {
  const row = await tieringNamed(ctx, input.TieringConfigurationName)
  await ctx.store.transaction(async (tx) => {
    await deleteTiering(tx, row.arn)
    await deleteAllTags(tx, ctx.accountId, row.arn)
  })
  return {}
}

async function listTieringConfigurations(
  ctx: Context,
  input: ListTieringConfigurationsInput,
): Promise<ListTieringConfigurationsOutput> {
  const list = 'ListTieringConfigurations'
  const { rows, next } = await listTierings(ctx.store.db, ctx, pageOf(ctx, list, input))
  return { TieringConfigurations: rows.map(toMember), NextToken: nextToken(ctx, list, next) }
}

function toMember(row: TieringConfigurationTable): TieringConfigurationsListMember {
  return {
    TieringConfigurationArn: row.arn,
    TieringConfigurationName: row.name,
    BackupVaultName: row.vault_name,
    CreationTime: new Date(row.created_at),
    LastUpdatedTime: new Date(row.updated_at),
  }
}

async function tieringNamed(ctx: Context, name: string): Promise<TieringConfigurationTable> {
  const row = await findTiering(ctx.store.db, ctx, name)
  if (row === undefined) throw noSuchTiering(name)
  return row
}

function noSuchTiering(name: string): ResourceNotFoundException {
  return new ResourceNotFoundException(`Cannot find tiering configuration ${name}`, { Context: name })
}

/** As the row has them. @throws {InvalidParameterValueException} */
function selectionsOf(selections: readonly TieringSelection[]): string {
  const problem = tieringProblem(selections)
  if (problem !== undefined)
    throw new InvalidParameterValueException(`Invalid tiering configuration. ${problem}`, {
      Context: 'ResourceSelection',
    })
  return JSON.stringify(
    selections.map(({ Resources, ResourceType, TieringDownSettingsInDays }) => ({
      Resources,
      ResourceType,
      TieringDownSettingsInDays,
    })),
  )
}

/** One configuration a vault, and nothing that could never move anything. */
async function checkVault(ctx: Context, tx: Queryable, row: TieringConfigurationTable): Promise<void> {
  const { vault_name: name } = row
  const other = await tieringOfVault(tx, ctx, name)
  if (other !== undefined && other.name !== row.name) {
    const whose =
      name === '*' ? 'There is a tiering configuration for all vaults' : `Backup vault ${name} has one`
    throw new ConflictException(`${whose} already: ${other.name}. Update or delete it`, {
      Context: other.name,
    })
  }
  const reason = name === '*' ? await noneWithColdStorage(ctx, tx) : await whyNot(ctx, tx, name)
  if (reason !== undefined)
    throw new InvalidParameterValueException(`Invalid tiering configuration. ${reason}`, { Context: name })
}

async function whyNot(ctx: Context, tx: Queryable, name: string): Promise<string | undefined> {
  const vault = await findVault(tx, ctx.accountId, ctx.region, name)
  if (vault === undefined) return `Backup vault "${name}" does not exist in this account and region`
  const reason = noColdStorage(vault)
  return reason && `Tiering is unavailable: ${reason}`
}

async function noneWithColdStorage(ctx: Context, tx: Queryable): Promise<string | undefined> {
  const isOwn = (vault: { readonly account_id: string; readonly region: string }): boolean =>
    vault.account_id === ctx.accountId && vault.region === ctx.region
  if ((await vaultsWithColdStorage(tx)).some(isOwn)) return undefined
  return (
    'Tiering is unavailable: no backup vault of this account and region has cold storage. ' +
    'Those who run the server give them one with roleback:PutVaultColdStorage'
  )
}
