import type { IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { accessKeys } from './access-keys.ts'
import { account } from './account.ts'
import { attachments } from './attachments.ts'
import { boundaries } from './boundaries.ts'
import { groups } from './groups.ts'
import { inlinePolicies } from './inline-policies.ts'
import { instanceProfiles } from './instance-profiles.ts'
import { policies } from './policies.ts'
import { policyVersions } from './policy-versions.ts'
import { roles } from './roles.ts'
import { serviceLinkedRoles } from './service-linked-roles.ts'
import { unbuilt } from './unbuilt.ts'
import { users } from './users.ts'

/** Every operation of AWS's IAM model, by resource. */
export const iam: Service<IamApi, Context> = {
  ...users,
  ...groups,
  ...roles,
  ...boundaries,
  ...policies,
  ...policyVersions,
  ...attachments,
  ...inlinePolicies,
  ...accessKeys,
  ...instanceProfiles,
  ...serviceLinkedRoles,
  ...account,
  ...unbuilt,
}
