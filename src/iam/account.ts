import { NoSuchEntityException } from '../aws/generated/iam.ts'
import type { GetAccountSummaryResponse, IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import {
  GROUP_INLINE_LIMIT,
  MANAGED_POLICY_LIMIT,
  ROLE_INLINE_LIMIT,
  TRUST_POLICY_LIMIT,
  USER_INLINE_LIMIT,
} from '../policy/parse.ts'
import { countIdentities, listAccessKeys } from '../store/identities.ts'
import { authorizationDetails } from './authorization-details.ts'
import { anyResource, userNamed, userOrCaller, userOrCallerTarget } from './entities.ts'
import { simulation } from './simulate.ts'

type Operations =
  | keyof typeof authorizationDetails
  | keyof typeof simulation
  | 'GetAccountSummary'
  | 'ListAccountAliases'
  | 'ListMFADevices'
  | 'ListVirtualMFADevices'
  | 'ListSSHPublicKeys'
  | 'ListSigningCertificates'
  | 'ListServiceSpecificCredentials'
  | 'GetLoginProfile'
  | 'DeleteLoginProfile'

/**
 * The account as a whole, questions to its policies, and lists of what nobody has here: clients that delete a user ask for all of
 * it first, and stop at anything but an answer.
 */
export const account: Pick<Service<IamApi, Context>, Operations> = {
  ...authorizationDetails,
  ...simulation,
  GetAccountSummary: { resource: anyResource, handler: getAccountSummary },
  ListAccountAliases: {
    resource: anyResource,
    handler: async () => ({ AccountAliases: [], IsTruncated: false }),
  },
  ListMFADevices: {
    resource: userOrCallerTarget,
    handler: async (ctx, input) => {
      await refuseUnknown(ctx, input.UserName)
      return { MFADevices: [], IsTruncated: false }
    },
  },
  ListVirtualMFADevices: {
    resource: anyResource,
    handler: async () => ({ VirtualMFADevices: [], IsTruncated: false }),
  },
  ListSSHPublicKeys: {
    resource: userOrCallerTarget,
    handler: async (ctx, input) => {
      await refuseUnknown(ctx, input.UserName)
      return { SSHPublicKeys: [], IsTruncated: false }
    },
  },
  ListSigningCertificates: {
    resource: userOrCallerTarget,
    handler: async (ctx, input) => {
      await refuseUnknown(ctx, input.UserName)
      return { Certificates: [], IsTruncated: false }
    },
  },
  ListServiceSpecificCredentials: {
    resource: userOrCallerTarget,
    handler: async (ctx, input) => {
      await refuseUnknown(ctx, input.UserName)
      return { ServiceSpecificCredentials: [], IsTruncated: false }
    },
  },
  GetLoginProfile: {
    resource: userOrCallerTarget,
    handler: async (ctx, input) => await noLoginProfile(ctx, input.UserName),
  },
  DeleteLoginProfile: {
    resource: userOrCallerTarget,
    handler: async (ctx, input) => await noLoginProfile(ctx, input.UserName),
  },
}

async function refuseUnknown(ctx: Context, userName: string | undefined): Promise<void> {
  if (userName !== undefined) await userNamed(ctx, userName)
}

async function noLoginProfile(ctx: Context, userName: string | undefined): Promise<never> {
  const user = await userOrCaller(ctx, userName)
  throw new NoSuchEntityException(`Login Profile for User ${user.name} cannot be found.`)
}

async function getAccountSummary(ctx: Context): Promise<GetAccountSummaryResponse> {
  const counts = await countIdentities(ctx.store.db, ctx.accountId)
  const rootKeys = await listAccessKeys(
    ctx.store.db,
    { accountId: ctx.accountId, userId: null },
    { limit: 1 },
  )
  return {
    SummaryMap: {
      Users: counts.users,
      Groups: counts.groups,
      Roles: counts.roles,
      Policies: counts.policies,
      InstanceProfiles: counts.profiles,
      MFADevices: 0,
      MFADevicesInUse: 0,
      AccountMFAEnabled: 0,
      AccountAccessKeysPresent: rootKeys.rows.length,
      AccountSigningCertificatesPresent: 0,
      ServerCertificates: 0,
      Providers: 0,
      AccessKeysPerUserQuota: 2,
      AttachedPoliciesPerUserQuota: 10,
      AttachedPoliciesPerGroupQuota: 10,
      AttachedPoliciesPerRoleQuota: 10,
      VersionsPerPolicyQuota: 5,
      PolicySizeQuota: MANAGED_POLICY_LIMIT,
      AssumeRolePolicySizeQuota: TRUST_POLICY_LIMIT,
      UserPolicySizeQuota: USER_INLINE_LIMIT,
      GroupPolicySizeQuota: GROUP_INLINE_LIMIT,
      RolePolicySizeQuota: ROLE_INLINE_LIMIT,
    },
  }
}
