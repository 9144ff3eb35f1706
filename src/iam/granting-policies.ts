import type {
  IamApi,
  ListPoliciesGrantingServiceAccessRequest,
  ListPoliciesGrantingServiceAccessResponse,
  PolicyGrantingServiceAccess,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import type { PolicySource } from '../policy/compile.ts'
import { on } from './conditions.ts'
import { grantsService } from './service-namespaces.ts'
import { policiesOfEntity } from './simulate-policies.ts'
import { entityNamed } from './simulate-principals.ts'

type Operations = 'ListPoliciesGrantingServiceAccess'

const arnOf = async (_: Context, input: { readonly Arn: string }): Promise<string> => input.Arn

export const grantingPolicies: Pick<Service<IamApi, Context>, Operations> = {
  ListPoliciesGrantingServiceAccess: { ...on(arnOf), handler: listPolicies },
}

/**
 * The policies that give a user (with his groups), a group or a role any right to a service. Of boundaries and denies nothing is said,
 * as with AWS.
 *
 * @throws {NoSuchEntityException}
 */
async function listPolicies(
  ctx: Context,
  input: ListPoliciesGrantingServiceAccessRequest,
): Promise<ListPoliciesGrantingServiceAccessResponse> {
  const entity = await entityNamed(ctx, input.Arn)
  const { identity } = await policiesOfEntity(ctx.store.db, entity)
  return {
    PoliciesGrantingServiceAccess: input.ServiceNamespaces.map((namespace) => ({
      ServiceNamespace: namespace,
      Policies: identity
        .filter(({ compiled }) => grantsService(compiled, namespace.toLowerCase()))
        .map(({ compiled }) => toPolicy(compiled.source)),
    })),
    IsTruncated: false,
  }
}

/** AWS says of inline policies only whose they are. */
function toPolicy({ arn, name, attachedTo = '' }: PolicySource): PolicyGrantingServiceAccess {
  if (arn !== undefined) return { PolicyName: name, PolicyType: 'MANAGED', PolicyArn: arn }
  const type = /:(user|group|role)\//.exec(attachedTo)?.[1]
  return {
    PolicyName: name,
    PolicyType: 'INLINE',
    EntityType: type?.toUpperCase() as 'USER' | 'ROLE' | 'GROUP',
    EntityName: attachedTo.split('/').at(-1),
  }
}
