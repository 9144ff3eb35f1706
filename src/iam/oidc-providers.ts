import { oidcProviderArn } from '../access/identity-arns.ts'
import { AwsError } from '../aws/error.ts'
import {
  EntityAlreadyExistsException,
  InvalidInputException,
  LimitExceededException,
  NoSuchEntityException,
  OpenIdIdpCommunicationErrorException,
} from '../aws/generated/iam.ts'
import type {
  CreateOpenIDConnectProviderRequest,
  CreateOpenIDConnectProviderResponse,
  GetOpenIDConnectProviderResponse,
  IamApi,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { EgressError, portOf, topThumbprint } from '../egress/pinned-request.ts'
import {
  deleteOidcProvider,
  findOidcProvider,
  insertOidcProvider,
  listOidcProviders,
  updateOidcProvider,
} from '../store/identity/oidc-providers.ts'
import type { OidcProviderTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { on, requestTags, tagKeys } from './conditions.ts'
import { anyResource } from './entities.ts'
import { addTags, checkedTags, removeTags, tagMembers, tagPage } from './tags.ts'

/** IAM User Guide, "IAM and AWS STS quotas". */
const MAX_PROVIDERS = 100
const MAX_CLIENT_IDS = 100
const MAX_THUMBPRINTS = 5

type Operations =
  | 'CreateOpenIDConnectProvider'
  | 'GetOpenIDConnectProvider'
  | 'ListOpenIDConnectProviders'
  | 'DeleteOpenIDConnectProvider'
  | 'AddClientIDToOpenIDConnectProvider'
  | 'RemoveClientIDFromOpenIDConnectProvider'
  | 'UpdateOpenIDConnectProviderThumbprint'
  | 'TagOpenIDConnectProvider'
  | 'UntagOpenIDConnectProvider'
  | 'ListOpenIDConnectProviderTags'

interface OnProvider {
  readonly OpenIDConnectProviderArn: string
}

const providerTarget = async (_: Context, input: OnProvider): Promise<string> =>
  input.OpenIDConnectProviderArn

/** Identity providers that speak OpenID Connect: whom the account lets say who somebody is. */
export const oidcProviders: Pick<Service<IamApi, Context>, Operations> = {
  CreateOpenIDConnectProvider: {
    resource: (ctx, { Url }) =>
      oidcProviderArn({ account_id: ctx.accountId, url: Url.replace(/^https?:\/\//i, '') }),
    context: requestTags,
    handler: createProvider,
  },
  GetOpenIDConnectProvider: { ...on(providerTarget), handler: getProvider },
  ListOpenIDConnectProviders: {
    resource: anyResource,
    handler: async (ctx) => {
      const rows = await listOidcProviders(ctx.store.db, ctx.accountId)
      return { OpenIDConnectProviderList: rows.map((row) => ({ Arn: oidcProviderArn(row) })) }
    },
  },
  DeleteOpenIDConnectProvider: {
    ...on(providerTarget),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const url = urlOfArn(ctx, input.OpenIDConnectProviderArn)
        if (url === undefined) throw noProvider(input.OpenIDConnectProviderArn)
        // One that is not there is deleted already, as AWS has it.
        await deleteOidcProvider(tx, ctx.accountId, url)
        await deleteAllTags(tx, ctx.accountId, oidcProviderArn({ account_id: ctx.accountId, url }))
        return {}
      }),
  },
  AddClientIDToOpenIDConnectProvider: {
    ...on(providerTarget),
    handler: async (ctx, input) =>
      await change(ctx, input, (row) => {
        const ids = listOf(row.client_ids)
        return { client_ids: checkedClientIds(ids.includes(input.ClientID) ? ids : [...ids, input.ClientID]) }
      }),
  },
  RemoveClientIDFromOpenIDConnectProvider: {
    ...on(providerTarget),
    handler: async (ctx, input) =>
      await change(ctx, input, (row) => ({
        client_ids: JSON.stringify(listOf(row.client_ids).filter((id) => id !== input.ClientID)),
      })),
  },
  UpdateOpenIDConnectProviderThumbprint: {
    ...on(providerTarget),
    handler: async (ctx, input) =>
      await change(ctx, input, () => ({ thumbprints: checkedThumbprints(input.ThumbprintList) })),
  },
  TagOpenIDConnectProvider: {
    ...on(providerTarget, requestTags),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const row = await providerOf(ctx, input, tx)
        await addTags(tx, ctx.accountId, oidcProviderArn(row), input.Tags)
        return {}
      }),
  },
  UntagOpenIDConnectProvider: {
    ...on(providerTarget, tagKeys),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const row = await providerOf(ctx, input, tx)
        await removeTags(tx, ctx.accountId, oidcProviderArn(row), input.TagKeys)
        return {}
      }),
  },
  ListOpenIDConnectProviderTags: {
    ...on(providerTarget),
    handler: async (ctx, input) => await tagPage(ctx, oidcProviderArn(await providerOf(ctx, input)), input),
  },
}

async function createProvider(
  ctx: Context,
  input: CreateOpenIDConnectProviderRequest,
): Promise<CreateOpenIDConnectProviderResponse> {
  const issuer = checkedIssuer(ctx, input.Url)
  const tags = checkedTags(input.Tags)
  const row: OidcProviderTable = {
    account_id: ctx.accountId,
    url: issuer.replace(/^https?:\/\//, ''),
    issuer,
    client_ids: checkedClientIds([...new Set(input.ClientIDList)]),
    thumbprints: await thumbprintsOf(ctx, issuer, input.ThumbprintList),
    created_at: ctx.now,
  }
  return await ctx.store.transaction(async (tx) => {
    if ((await listOidcProviders(tx, ctx.accountId)).length >= MAX_PROVIDERS) {
      throw new LimitExceededException(
        `Cannot exceed quota for OpenIdConnectProvidersPerAccount: ${MAX_PROVIDERS}`,
      )
    }
    if (!(await insertOidcProvider(tx, row)))
      throw new EntityAlreadyExistsException(`Provider with url ${issuer} already exists.`)
    await putTags(tx, ctx.accountId, oidcProviderArn(row), tags)
    return {
      OpenIDConnectProviderArn: oidcProviderArn(row),
      Tags: await tagMembers(tx, ctx.accountId, oidcProviderArn(row)),
    }
  })
}

async function getProvider(ctx: Context, input: OnProvider): Promise<GetOpenIDConnectProviderResponse> {
  const row = await providerOf(ctx, input)
  return {
    // AWS answers it without the scheme.
    Url: row.url,
    ClientIDList: listOf(row.client_ids),
    ThumbprintList: listOf(row.thumbprints),
    CreateDate: new Date(row.created_at),
    Tags: await tagMembers(ctx.store.db, ctx.accountId, oidcProviderArn(row)),
  }
}

async function change(
  ctx: Context,
  input: OnProvider,
  changeOf: (row: OidcProviderTable) => Parameters<typeof updateOidcProvider>[2],
): Promise<Record<never, never>> {
  return await ctx.store.transaction(async (tx) => {
    const row = await providerOf(ctx, input, tx)
    await updateOidcProvider(tx, row, changeOf(row))
    return {}
  })
}

async function providerOf(
  ctx: Context,
  { OpenIDConnectProviderArn: arn }: OnProvider,
  db: Queryable = ctx.store.db,
): Promise<OidcProviderTable> {
  const url = urlOfArn(ctx, arn)
  const row = url === undefined ? undefined : await findOidcProvider(db, ctx.accountId, url)
  if (row === undefined) throw noProvider(arn)
  return row
}

function noProvider(arn: string): NoSuchEntityException {
  return new NoSuchEntityException(`OpenIDConnect Provider not found for arn ${arn}`)
}

function urlOfArn(ctx: Context, arn: string): string | undefined {
  const start = oidcProviderArn({ account_id: ctx.accountId, url: '' })
  return arn.startsWith(start) ? arn.slice(start.length) : undefined
}

/** Characters that an ARN and a condition key may have; a query or a fragment no issuer has. */
const ISSUER =
  /^(https?):\/\/([A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?)((?:\/[\w.~@+=,-]*)*)$/

/**
 * The issuer as it will be compared: the host in lower case, the rest as written. Whether it may be connected to is decided at each
 * connection; what is clear beforehand is refused here, while somebody is there to read why.
 */
function checkedIssuer(ctx: Context, written: string): string {
  const [, scheme, host, path] = ISSUER.exec(written) ?? []
  if (scheme === undefined || host === undefined || path === undefined) {
    throw new AwsError(
      'ValidationError',
      400,
      `Invalid Open ID Connect Provider URL "${written}": it is https://HOST, with a port and a path if need be, and nothing else`,
    )
  }
  const issuer = `${scheme}://${host.toLowerCase()}${path}`
  const url = new URL(issuer)
  const place = `${url.hostname}:${portOf(url)}`
  const isListed = ctx.server.allowedEndpoints.includes(place)
  if (scheme === 'http' && !isListed) {
    throw refusedIssuer(
      issuer,
      `without TLS only loopback is spoken to, where serve --allow-endpoint ${place} names it`,
    )
  }
  if (ctx.accountId !== ctx.server.managementAccountId && !isListed) {
    throw refusedIssuer(
      issuer,
      `only the management account may register it. The operator can allow it with serve --allow-endpoint ${place}`,
    )
  }
  return issuer
}

function refusedIssuer(issuer: string, reason: string): InvalidInputException {
  return new InvalidInputException(`Cannot register the identity provider "${issuer}": ${reason}`)
}

/** Those given; else the one that AWS would find, of an authority that this host trusts. */
async function thumbprintsOf(
  ctx: Context,
  issuer: string,
  given: readonly string[] | undefined,
): Promise<string> {
  if (given !== undefined && given.length > 0) return checkedThumbprints(given)
  const url = new URL(issuer)
  if (url.protocol === 'http:') return '[]'
  const { reach, limits } = ctx.issuers
  const isListedOnly = ctx.accountId !== ctx.server.managementAccountId
  try {
    return JSON.stringify([await topThumbprint(reach, url, { isListedOnly }, limits.timeoutMs)])
  } catch (error) {
    if (!(error instanceof EgressError)) throw error
    throw new OpenIdIdpCommunicationErrorException(
      `${error.message}. Give ThumbprintList where the provider cannot be reached now or its certificate has an authority of its own`,
    )
  }
}

function checkedThumbprints(thumbprints: readonly string[]): string {
  if (thumbprints.length > MAX_THUMBPRINTS) {
    throw new InvalidInputException(`Thumbprint list must contain fewer than ${MAX_THUMBPRINTS + 1} entries.`)
  }
  const bad = thumbprints.find((thumbprint) => !/^[0-9a-fA-F]{40}$/.test(thumbprint))
  if (bad !== undefined)
    throw new InvalidInputException(
      `The thumbprint "${bad}" is not the SHA-1 of a certificate in hexadecimal`,
    )
  return JSON.stringify([...new Set(thumbprints)])
}

function checkedClientIds(ids: readonly string[]): string {
  if (ids.length > MAX_CLIENT_IDS) {
    throw new LimitExceededException(
      `Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: ${MAX_CLIENT_IDS}`,
    )
  }
  return JSON.stringify(ids)
}

function listOf(json: string): readonly string[] {
  // Written by this file alone.
  return JSON.parse(json) as string[]
}
