import type { IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { anyResource, userNamed, userOrCallerTarget } from './entities.ts'
import { pageOfItems } from './paging.ts'
import type { PageInput, PageMembers } from './paging.ts'

type Operations =
  | 'ListSSHPublicKeys'
  | 'ListSigningCertificates'
  | 'ListServiceSpecificCredentials'
  | 'ListSAMLProviders'
  | 'ListServerCertificates'
  | 'ListOrganizationsFeatures'
  | 'ListDelegationRequests'

/**
 * Lists of what nobody has here, since the operations that would make it are not built. Clients that delete a user, and tools that
 * look an account over, ask for all of it and stop at anything but an answer; the empty list is the true one.
 */
export const absent: Pick<Service<IamApi, Context>, Operations> = {
  ListSSHPublicKeys: {
    resource: userOrCallerTarget,
    handler: async (ctx, input) => ({ SSHPublicKeys: [], ...(await noneOf(ctx, input)) }),
  },
  ListSigningCertificates: {
    resource: userOrCallerTarget,
    handler: async (ctx, input) => ({ Certificates: [], ...(await noneOf(ctx, input)) }),
  },
  ListServiceSpecificCredentials: {
    resource: async (ctx, input) => (input.AllUsers === true ? '*' : await userOrCallerTarget(ctx, input)),
    handler: async (ctx, input) => ({ ServiceSpecificCredentials: [], ...(await noneOf(ctx, input)) }),
  },
  ListSAMLProviders: { resource: anyResource, handler: async () => ({ SAMLProviderList: [] }) },
  ListServerCertificates: {
    resource: anyResource,
    handler: async (ctx, input) => ({ ServerCertificateMetadataList: [], ...none(ctx, input) }),
  },
  ListOrganizationsFeatures: { resource: anyResource, handler: async () => ({ EnabledFeatures: [] }) },
  ListDelegationRequests: {
    resource: anyResource,
    handler: async (ctx, input) => ({
      DelegationRequests: [],
      isTruncated: none(ctx, input).IsTruncated,
    }),
  },
}

/** An empty page; a marker can be none of this list. */
function none(ctx: Context, input: PageInput): PageMembers {
  return pageOfItems<string>(ctx, 'nothing', input, [], (item) => item).page
}

async function noneOf(
  ctx: Context,
  input: PageInput & { readonly UserName?: string | undefined },
): Promise<PageMembers> {
  if (input.UserName !== undefined) await userNamed(ctx, input.UserName)
  return none(ctx, input)
}
