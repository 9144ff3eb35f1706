import { whyNoIam } from '../access/session.ts'
import { AwsError } from '../aws/error.ts'
import type { IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { absent } from './absent.ts'
import { accessKeys } from './access-keys.ts'
import { accountAliases } from './account-aliases.ts'
import { account } from './account.ts'
import { attachments } from './attachments.ts'
import { boundaries } from './boundaries.ts'
import { credentialReport } from './credential-report.ts'
import { grantingPolicies } from './granting-policies.ts'
import { groups } from './groups.ts'
import { inlinePolicies } from './inline-policies.ts'
import { instanceProfiles } from './instance-profiles.ts'
import { lastAccessed } from './last-accessed.ts'
import { loginProfiles } from './login-profiles.ts'
import { mfaDevices } from './mfa-devices.ts'
import { oidcProviders } from './oidc-providers.ts'
import { passwordPolicy } from './password-policy.ts'
import { policies } from './policies.ts'
import { policyVersions } from './policy-versions.ts'
import { roles } from './roles.ts'
import { serviceLinkedRoles } from './service-linked-roles.ts'
import { unbuilt } from './unbuilt.ts'
import { users } from './users.ts'

/** Every operation of AWS's IAM model, by resource. */
const operations: Service<IamApi, Context> = {
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
  ...loginProfiles,
  ...passwordPolicy,
  ...accountAliases,
  ...mfaDevices,
  ...credentialReport,
  ...lastAccessed,
  ...grantingPolicies,
  ...oidcProviders,
  ...account,
  ...absent,
  ...unbuilt,
}

/** The table that is served: sessions that may not call IAM are refused before anything is decided. */
export const iam: Service<IamApi, Context> = Object.fromEntries(
  Object.entries(operations).map(([name, entry]) => {
    const { resource } = entry as Service<IamApi, Context>['GetUser']
    const guarded: typeof resource = (ctx, input) => {
      refusePlainSession(ctx)
      return resource(ctx, input)
    }
    return [name, { ...entry, resource: guarded }]
  }),
  // The same keys and entries as `operations`, which Object.entries forgets.
) as unknown as Service<IamApi, Context>

function refusePlainSession({ principal }: Context): void {
  const why = whyNoIam(principal)
  if (why === undefined) return
  throw new AwsError(
    'InvalidClientTokenId',
    403,
    `The security token included in the request is invalid: ${why}`,
  )
}
