import { managedPolicies } from '../access/managed-policies.ts'
import {
  DeleteConflictException,
  LimitExceededException,
  NoSuchEntityException,
} from '../aws/generated/iam.ts'
import type {
  CreatePolicyVersionRequest,
  CreatePolicyVersionResponse,
  DeletePolicyVersionRequest,
  GetPolicyVersionRequest,
  GetPolicyVersionResponse,
  IamApi,
  ListPolicyVersionsRequest,
  ListPolicyVersionsResponse,
  PolicyVersion,
  SetDefaultPolicyVersionRequest,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import {
  deletePolicyVersion,
  findPolicyVersion,
  insertPolicyVersion,
  listPolicyVersions,
  updatePolicy,
} from '../store/identity/identities-policies.ts'
import type { PolicyTable, PolicyVersionTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { on } from './conditions.ts'
import { checkManagedPolicy, encodedDocument } from './documents.ts'
import { pageMembers, pageRequest } from './paging.ts'
import { changeablePolicy, policyTarget } from './policies.ts'

const MAX_VERSIONS = 5

type Operations =
  | 'CreatePolicyVersion'
  | 'GetPolicyVersion'
  | 'ListPolicyVersions'
  | 'DeletePolicyVersion'
  | 'SetDefaultPolicyVersion'

export const policyVersions: Pick<Service<IamApi, Context>, Operations> = {
  CreatePolicyVersion: { ...on(policyTarget), handler: createVersion },
  GetPolicyVersion: { ...on(policyTarget), handler: getVersion },
  ListPolicyVersions: { ...on(policyTarget), handler: listVersions },
  DeletePolicyVersion: { ...on(policyTarget), handler: removeVersion },
  SetDefaultPolicyVersion: { ...on(policyTarget), handler: setDefault },
}

async function createVersion(
  ctx: Context,
  input: CreatePolicyVersionRequest,
): Promise<CreatePolicyVersionResponse> {
  return await ctx.store.transaction(async (tx) => {
    const policy = await changeablePolicy(ctx, input.PolicyArn, tx)
    checkManagedPolicy(input.PolicyDocument)
    const { rows } = await listPolicyVersions(tx, policy.policy_id, { limit: MAX_VERSIONS })
    if (rows.length >= MAX_VERSIONS) {
      throw new LimitExceededException(
        `A managed policy can have up to ${MAX_VERSIONS} versions. Before you create a new version, you must delete an existing version.`,
      )
    }
    const version: PolicyVersionTable = {
      policy_id: policy.policy_id,
      version: policy.last_version + 1,
      document: input.PolicyDocument,
      created_at: ctx.now,
    }
    await insertPolicyVersion(tx, version)
    const isDefault = input.SetAsDefault === true
    await updatePolicy(tx, policy.policy_id, {
      last_version: version.version,
      updated_at: ctx.now,
      ...(isDefault && { default_version: version.version }),
    })
    return { PolicyVersion: versionMember(version, isDefault) }
  })
}

async function getVersion(ctx: Context, input: GetPolicyVersionRequest): Promise<GetPolicyVersionResponse> {
  const builtIn = managedPolicies.get(input.PolicyArn)
  if (builtIn !== undefined) {
    if (builtIn.versionId !== input.VersionId) throw noSuchVersion(input)
    return {
      PolicyVersion: {
        Document: encodedDocument(builtIn.document),
        VersionId: builtIn.versionId,
        IsDefaultVersion: true,
        CreateDate: new Date(builtIn.updatedAt),
      },
    }
  }
  const policy = await changeablePolicy(ctx, input.PolicyArn)
  const version = await versionOf(ctx.store.db, policy, input)
  const member = versionMember(version, version.version === policy.default_version)
  return { PolicyVersion: { ...member, Document: encodedDocument(version.document) } }
}

async function listVersions(
  ctx: Context,
  input: ListPolicyVersionsRequest,
): Promise<ListPolicyVersionsResponse> {
  const builtIn = managedPolicies.get(input.PolicyArn)
  if (builtIn !== undefined) {
    const CreateDate = new Date(builtIn.updatedAt)
    return {
      Versions: [{ VersionId: builtIn.versionId, IsDefaultVersion: true, CreateDate }],
      IsTruncated: false,
    }
  }
  const policy = await changeablePolicy(ctx, input.PolicyArn)
  const list = `ListPolicyVersions ${policy.policy_id}`
  const { rows, next } = await listPolicyVersions(
    ctx.store.db,
    policy.policy_id,
    pageRequest(ctx, list, input),
  )
  return {
    Versions: rows.map((row) => versionMember(row, row.version === policy.default_version)),
    ...pageMembers(ctx, list, next),
  }
}

async function removeVersion(ctx: Context, input: DeletePolicyVersionRequest): Promise<Record<never, never>> {
  return await ctx.store.transaction(async (tx) => {
    const policy = await changeablePolicy(ctx, input.PolicyArn, tx)
    const version = await versionOf(tx, policy, input)
    if (version.version === policy.default_version) {
      throw new DeleteConflictException('Cannot delete the default version of a policy.')
    }
    await deletePolicyVersion(tx, policy.policy_id, version.version)
    return {}
  })
}

async function setDefault(
  ctx: Context,
  input: SetDefaultPolicyVersionRequest,
): Promise<Record<never, never>> {
  return await ctx.store.transaction(async (tx) => {
    const policy = await changeablePolicy(ctx, input.PolicyArn, tx)
    const version = await versionOf(tx, policy, input)
    await updatePolicy(tx, policy.policy_id, { default_version: version.version, updated_at: ctx.now })
    return {}
  })
}

interface NamedVersion {
  readonly PolicyArn: string
  readonly VersionId: string
}

async function versionOf(
  db: Queryable,
  policy: PolicyTable,
  input: NamedVersion,
): Promise<PolicyVersionTable> {
  const number = /^v([1-9]\d{0,8})$/.exec(input.VersionId)?.[1]
  const row = number === undefined ? undefined : await findPolicyVersion(db, policy.policy_id, Number(number))
  if (row === undefined) throw noSuchVersion(input)
  return row
}

function noSuchVersion(input: NamedVersion): NoSuchEntityException {
  return new NoSuchEntityException(
    `Policy ${input.PolicyArn} version ${input.VersionId} does not exist or is not attachable.`,
  )
}

function versionMember(row: PolicyVersionTable, isDefault: boolean): PolicyVersion {
  return {
    VersionId: `v${row.version}`,
    IsDefaultVersion: isDefault,
    CreateDate: new Date(row.created_at),
  }
}
