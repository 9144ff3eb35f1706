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
import { listOidcProviders } from '../store/identity/oidc-providers.ts'
import { countIdentities, listAccessKeys } from '../store/identity/identities.ts'
import { countMfaDevices } from '../store/identity/mfa-devices.ts'
import { authorizationDetails } from './authorization-details.ts'
import { anyResource } from './entities.ts'
import { simulation } from './simulate.ts'

type Operations = keyof typeof authorizationDetails | keyof typeof simulation | 'GetAccountSummary'

/** The account as a whole, and questions to its policies. */
export const account: Pick<Service<IamApi, Context>, Operations> = {
  ...authorizationDetails,
  ...simulation,
  GetAccountSummary: { resource: anyResource, handler: getAccountSummary },
}

/** Quotas are those that this server holds to; what it does not bound is left out. */
async function getAccountSummary(ctx: Context): Promise<GetAccountSummaryResponse> {
  const counts = await countIdentities(ctx.store.db, ctx.accountId)
  const rootKeys = await listAccessKeys(
    ctx.store.db,
    { accountId: ctx.accountId, userId: null },
    { limit: 1 },
  )
  const devices = await countMfaDevices(ctx.store.db, ctx.accountId)
  return {
    SummaryMap: {
      Users: counts.users,
      Groups: counts.groups,
      Roles: counts.roles,
      Policies: counts.policies,
      InstanceProfiles: counts.profiles,
      PolicyVersionsInUse: counts.policyVersions,
      MFADevices: devices.all,
      MFADevicesInUse: devices.assigned,
      // The root user has neither a password nor a device.
      AccountMFAEnabled: 0,
      AccountPasswordPresent: 0,
      AccountAccessKeysPresent: rootKeys.rows.length,
      AccountSigningCertificatesPresent: 0,
      ServerCertificates: 0,
      Providers: (await listOidcProviders(ctx.store.db, ctx.accountId)).length,
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
