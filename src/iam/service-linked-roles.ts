import { openPage, sealPage } from '../access/page-token.ts'
import { roleArn } from '../access/identity-arns.ts'
import { insertLinkedRole, linkedRoleArn, LINKED_ROLES } from '../access/linked-roles.ts'
import { InvalidInputException, NoSuchEntityException } from '../aws/generated/iam.ts'
import type {
  CreateServiceLinkedRoleRequest,
  CreateServiceLinkedRoleResponse,
  DeleteServiceLinkedRoleRequest,
  DeleteServiceLinkedRoleResponse,
  GetServiceLinkedRoleDeletionStatusRequest,
  GetServiceLinkedRoleDeletionStatusResponse,
  IamApi,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { attachmentsOf, detachPolicy } from '../store/identity/identities-attachments.ts'
import { deleteRole, findRoleByName } from '../store/identity/identities.ts'
import { deleteAllTags } from '../store/identity/tags.ts'
import { on } from './conditions.ts'
import { roleNamed, roleTarget } from './entities.ts'
import { roleDetails } from './roles.ts'

type Operations = 'CreateServiceLinkedRole' | 'DeleteServiceLinkedRole' | 'GetServiceLinkedRoleDeletionStatus'

export const serviceLinkedRoles: Pick<Service<IamApi, Context>, Operations> = {
  CreateServiceLinkedRole: {
    resource: (ctx, input) => linkedRoleArn(ctx.accountId, input.AWSServiceName),
    context: (_, input) => ({ 'iam:AWSServiceName': input.AWSServiceName }),
    handler: createServiceLinkedRole,
  },
  DeleteServiceLinkedRole: {
    ...on(roleTarget, linkedService),
    handler: deleteServiceLinkedRole,
  },
  GetServiceLinkedRoleDeletionStatus: {
    resource: (ctx, { DeletionTaskId }) => {
      const task = parseTask(DeletionTaskId)
      return task === undefined ? '*' : `arn:aws:iam::${ctx.accountId}:role${task.path}${task.name}`
    },
    handler: deletionStatus,
  },
}

async function createServiceLinkedRole(
  ctx: Context,
  input: CreateServiceLinkedRoleRequest,
): Promise<CreateServiceLinkedRoleResponse> {
  const linked = LINKED_ROLES.get(input.AWSServiceName)
  if (linked === undefined) {
    throw new InvalidInputException(
      `Cannot make a service-linked role for "${input.AWSServiceName}": only ${[...LINKED_ROLES.keys()].join(', ')} have one here`,
    )
  }
  if (input.CustomSuffix !== undefined) {
    throw new InvalidInputException(`Custom suffix is not allowed for ${input.AWSServiceName}`)
  }
  return await ctx.store.transaction(async (tx) => {
    const row = await insertLinkedRole(tx, ctx, input.AWSServiceName, input.Description ?? null)
    if (row === undefined) {
      throw new InvalidInputException(
        `Service role name ${linked.name} has been taken in this account, please try a different suffix.`,
      )
    }
    return { Role: await roleDetails(ctx, row, tx) }
  })
}

async function linkedService(
  ctx: Context,
  input: DeleteServiceLinkedRoleRequest,
): Promise<Record<string, string>> {
  const role = await findRoleByName(ctx.store.db, ctx.accountId, input.RoleName)
  const service = role === undefined ? undefined : LINKED_PATH.exec(role.path)?.[1]
  return service === undefined ? {} : { 'iam:AWSServiceName': service }
}

const LINKED_PATH = /^\/aws-service-role\/([^/]+)\/$/

/**
 * Deletes the role at once: only deliveries of reports need theirs, and say so when it is not there. AWS takes its time and answers a
 * task; the id given here is of the same form and proves itself, and its task has always succeeded.
 */
async function deleteServiceLinkedRole(
  ctx: Context,
  input: DeleteServiceLinkedRoleRequest,
): Promise<DeleteServiceLinkedRoleResponse> {
  return await ctx.store.transaction(async (tx) => {
    const role = await roleNamed(ctx, input.RoleName, tx)
    if (!LINKED_PATH.test(role.path)) {
      throw new InvalidInputException(
        `Cannot delete the role ${role.name}: it is not a service-linked role. Use DeleteRole`,
      )
    }
    for (const attachment of await attachmentsOf(tx, role.role_id)) {
      await detachPolicy(tx, role.role_id, attachment.policy_arn)
    }
    await deleteRole(tx, role.role_id)
    await deleteAllTags(tx, ctx.accountId, roleArn(role))
    const proof = sealPage(ctx.serverKey, taskOwner(ctx, role.path, role.name), [role.role_id])
    return {
      DeletionTaskId: `task${role.path}${role.name}/${Buffer.from(proof, 'base64').toString('base64url')}`,
    }
  })
}

async function deletionStatus(
  ctx: Context,
  { DeletionTaskId }: GetServiceLinkedRoleDeletionStatusRequest,
): Promise<GetServiceLinkedRoleDeletionStatusResponse> {
  const task = parseTask(DeletionTaskId)
  const isOurs =
    task !== undefined &&
    openPage(ctx.serverKey, taskOwner(ctx, task.path, task.name), task.proof) !== undefined
  if (!isOurs) throw new NoSuchEntityException(`Deletion task ${DeletionTaskId} cannot be found.`)
  return { Status: 'SUCCEEDED' }
}

function taskOwner(ctx: Context, path: string, name: string): { accountId: string; list: string } {
  return { accountId: ctx.accountId, list: `DeleteServiceLinkedRole ${path}${name}` }
}

interface DeletionTask {
  /** `/aws-service-role/SERVICE/` */
  readonly path: string
  readonly name: string
  /** Empty where it is none. */
  readonly proof: string
}

/** Takes `task/aws-service-role/SERVICE/ROLE/PROOF` apart. */
function parseTask(id: string): DeletionTask | undefined {
  const match = /^task(\/aws-service-role\/[\w.-]+\/)([\w+=,.@-]{1,64})\/([\w-]+)$/.exec(id)
  if (match === null) return undefined
  const [, path, name, proof] = match as unknown as [string, string, string, string]
  const bytes = Buffer.from(proof, 'base64url')
  // One id for one task: decoding passes over stray bits at the end.
  return { path, name, proof: bytes.toString('base64url') === proof ? bytes.toString('base64') : '' }
}
