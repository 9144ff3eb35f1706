import { oidcProviderArn, parseRoleArn, roleArn } from '../access/identity-arns.ts'
import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  DeleteSignInProviderInput,
  ListSignInProvidersOutput,
  PutSignInProviderInput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { openIssuers } from '../policy/open-issuers.ts'
import { parsePolicy } from '../policy/parse.ts'
import { findRoleById, findRoleByName } from '../store/identity/identities.ts'
import { findOidcProvider } from '../store/identity/oidc-providers.ts'
import type { OidcProviderTable, RoleTable } from '../store/schema.ts'
import {
  deleteSignInProviderRow,
  listSignInProviderRows,
  putSignInProviderRow,
} from '../store/identity/sign-in-providers.ts'

/** Which identity providers people may sign in with, and the role that they work under then. */

/** What a sealed client secret is bound to. */
export function secretOwner(row: Pick<OidcProviderTable, 'account_id' | 'url'>): string {
  return `${row.account_id} ${row.url}`
}

/**
 * Lets people sign in with a provider. Its trust decides who: the role's trust policy is asked at every sign-in, and must say whose
 * tokens it means (R15). The caller needs `iam:AddClientIDToOpenIDConnectProvider`, too.
 */
export async function putSignInProvider(
  ctx: Context,
  input: PutSignInProviderInput,
): Promise<Record<never, never>> {
  const { OpenIDConnectProviderArn: arn } = input
  await ctx.authorize('iam:AddClientIDToOpenIDConnectProvider', arn)
  for (const uri of input.RedirectUris) checkRedirect(uri)
  const provider = await providerOf(ctx, arn)
  if (!(JSON.parse(provider.client_ids) as string[]).includes(input.ClientId)) {
    throw invalid(
      'ClientId',
      `"${input.ClientId}" is none of the provider's client ids: add it with iam:AddClientIDToOpenIDConnectProvider`,
    )
  }
  const role = await roleOf(ctx, input.RoleArn)
  checkTrust(provider, role)
  const secret = input.ClientSecret
  await ctx.store.transaction(async (tx) => {
    await putSignInProviderRow(tx, {
      account_id: ctx.accountId,
      url: provider.url,
      client_id: input.ClientId,
      client_secret:
        secret === undefined
          ? null
          : ctx.serverKey.seal('client-secret', secretOwner(provider), Buffer.from(secret)),
      role_id: role.role_id,
      redirect_uris: JSON.stringify(input.RedirectUris),
      created_at: ctx.now,
    })
  })
  return {}
}

export async function listSignInProviders(ctx: Context): Promise<ListSignInProvidersOutput> {
  await ctx.authorize('iam:ListOpenIDConnectProviders', '*')
  const rows = await listSignInProviderRows(ctx.store.db, ctx.accountId)
  return {
    SignInProviders: await Promise.all(
      rows.map(async (row) => {
        const role = await findRoleById(ctx.store.db, row.role_id)
        return {
          OpenIDConnectProviderArn: oidcProviderArn(row),
          ClientId: row.client_id,
          HasClientSecret: row.client_secret !== null,
          RoleArn: role === undefined ? undefined : roleArn(role),
          RedirectUris: JSON.parse(row.redirect_uris) as string[],
          CreationDate: new Date(row.created_at),
        }
      }),
    ),
  }
}

/** Sessions that were begun with it stay until they end: RevokeSessions of the role ends them. */
export async function deleteSignInProvider(
  ctx: Context,
  { OpenIDConnectProviderArn: arn }: DeleteSignInProviderInput,
): Promise<Record<never, never>> {
  await ctx.authorize('iam:RemoveClientIDFromOpenIDConnectProvider', arn)
  const url = urlOfProvider(ctx.accountId, arn)
  if (url === undefined || !(await deleteSignInProviderRow(ctx.store.db, ctx.accountId, url)))
    throw noProvider(arn)
  return {}
}

/** Undefined where the ARN is no provider's of the account. */
export function urlOfProvider(accountId: string, arn: string): string | undefined {
  const start = oidcProviderArn({ account_id: accountId, url: '' })
  return arn.startsWith(start) ? arn.slice(start.length) : undefined
}

async function providerOf(ctx: Context, arn: string): Promise<OidcProviderTable> {
  const url = urlOfProvider(ctx.accountId, arn)
  const row = url === undefined ? undefined : await findOidcProvider(ctx.store.db, ctx.accountId, url)
  if (row === undefined) throw noProvider(arn)
  return row
}

async function roleOf(ctx: Context, arn: string): Promise<RoleTable> {
  const parsed = parseRoleArn(arn)
  const role =
    parsed?.accountId === ctx.accountId
      ? await findRoleByName(ctx.store.db, ctx.accountId, parsed.name)
      : undefined
  if (role === undefined || roleArn(role) !== arn)
    throw invalid('RoleArn', `there is no role ${arn} in this account`)
  return role
}

/** R15: whoever the provider knows could sign in, and that may be the whole world. */
function checkTrust(provider: OidcProviderTable, role: RoleTable): void {
  const { statements } = parsePolicy(role.trust_policy, 'trust')
  const arn = oidcProviderArn(provider)
  const isTrusted = statements.some(
    ({ effect, principal }) => effect === 'Allow' && principal?.names.federated.includes(arn) === true,
  )
  if (!isTrusted)
    throw invalid('RoleArn', `the trust policy of ${role.name} does not name ${arn} as Federated principal`)
  if (statements.some((statement) => openIssuers(statement).includes(provider.url))) {
    throw invalid(
      'RoleArn',
      `the trust policy of ${role.name} lets in whomever ${provider.url} knows: give its statement a condition on ${provider.url}:sub`,
    )
  }
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** RFC 9700, section 2.1: whole, and over TLS but on one's own machine. */
function checkRedirect(uri: string): void {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname))
  if (url === undefined || !isSafe || url.hash !== '' || url.username !== '' || uri.includes('*'))
    throw invalid(
      'RedirectUris',
      `"${uri}" is neither https nor on loopback, or has a fragment, a user or a wildcard`,
    )
}

function invalid(member: string, reason: string): InvalidParameterValueException {
  return new InvalidParameterValueException(`Cannot let people sign in with this provider: ${reason}`, {
    Context: member,
  })
}

function noProvider(arn: string): ResourceNotFoundException {
  return new ResourceNotFoundException(`There is no such identity provider for sign-in: ${arn}`, {
    Context: arn,
  })
}
