import { parseArn } from '../lib/arn.ts'
import { layersBelow } from '../policy/below.ts'
import { contextOf } from '../policy/evaluate.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { literalPattern } from '../policy/pattern.ts'
import { findRecoveryPoint } from '../store/points/recovery-points.ts'
import type { VaultTable } from '../store/schema.ts'
import { findVault, findVaultByArn } from '../store/vaults/vaults.ts'
import type { Queryable } from '../store/store.ts'
import { compiledPolicy } from './compiled.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { layersOf } from './layers.ts'
import { ownPasswordPolicy } from './own-password.ts'
import type { Principal } from './principal.ts'
import type { Question } from './proposal.ts'
import { principalView, requestContext } from './request-context.ts'

/** Who asks, and what is known of his request. */
export interface Asker {
  readonly principal: Principal
  readonly region: string
  readonly now: number
  readonly sourceIp?: string | undefined
  readonly userAgent?: string | undefined
  readonly isSecure?: boolean | undefined
}

/** One question to the policies of a principal. */
export interface Authorization extends Asker {
  readonly action: string
  readonly resource: string
  /** Condition keys beside the global ones. */
  readonly context?: Readonly<Record<string, string | readonly string[]>> | undefined
  /** Where given, `resource` is a prefix, and what is asked is every item whose ARN begins so; these keys are an item's own. */
  readonly below?: { readonly ownKeys: readonly string[] } | undefined
}

/** A further right that an operation asks for, on behalf of its caller. */
export interface AccessQuestion extends Pick<Authorization, 'action' | 'resource' | 'context' | 'below'> {
  /** Where the action is not what the caller asked for: a sentence that says why it is needed. */
  readonly remark?: string
}

/** The answer; a refusal is recorded and can be explained by its id. */
export type Access =
  | { readonly allowed: true }
  /** `refusal` is the AccessDenied to throw, where the operation ends here. */
  | { readonly allowed: false; readonly refusal: Error }

/** The request with every policy that bears on it: the principal's layers and the resource's own policy. */
export async function questionOf(db: Queryable, request: Authorization): Promise<Question> {
  return await questionsOf(db, request)(request)
}

export type Asked = Omit<AccessQuestion, 'remark'>
export type Ask = (asked: Asked) => Promise<Question>

/**
 * Puts many questions for one principal: his policies are read once, with the first, while the resource's are.
 *
 * @param db No transaction, which has one connection only.
 */
export function questionsOf(db: Queryable, asker: Asker): Ask {
  let layers: Promise<PolicyLayers> | undefined
  return async (asked) => {
    layers ??= layersOf(db, asker.principal)
    const { action, resource } = asked
    const resourceAccountId = accountOf(resource) ?? asker.principal.accountId
    const [own, ofResource] = await Promise.all([
      layers,
      resourcePolicyOf(db, action, resource, resourceAccountId),
    ])
    return await questionWith(db, asker, { own, ofResource, resourceAccountId }, asked)
  }
}

interface Known {
  readonly own: PolicyLayers
  readonly ofResource: CompiledPolicy | undefined
  readonly resourceAccountId: string
}

async function questionWith(
  db: Queryable,
  asker: Asker,
  { own, ofResource, resourceAccountId }: Known,
  asked: Asked,
): Promise<Question> {
  const { principal, region, now, sourceIp, userAgent, isSecure } = asker
  const { action, resource, below } = asked
  const ownPassword = await ownPasswordPolicy(db, principal, action)
  const layers = ownPassword === undefined ? own : { ...own, identity: [...own.identity, ownPassword] }
  const facts = { region, now, resourceAccountId, sourceIp, userAgent, isSecure }
  const request = {
    principal: principalView(principal),
    action,
    resource,
    resourceAccountId,
    context: contextOf({ ...requestContext(principal, facts), ...asked.context }),
  }
  if (below !== undefined) {
    return {
      request: { ...request, resource: `${resource}*` },
      layers: layersBelow(layers, { action, prefix: resource, ownKeys: below.ownKeys }),
      resourcePattern: `${literalPattern(resource)}*`,
    }
  }
  return { request, layers: ofResource === undefined ? layers : { ...layers, resource: ofResource } }
}

/**
 * What the gate would ask about the caller, without deciding or recording anything. Previews decide for themselves, from the same
 * questions.
 */
export interface Preview {
  /** What is asked of whoever calls an operation, before its handler runs; nothing where that decides by itself. */
  asked(service: string, operation: string, input: object): Promise<readonly Asked[]>
  /** The question of one right more. */
  readonly right: Ask
}

/** The account in an ARN; undefined where the form has none (buckets, snapshots of EBS). */
function accountOf(resource: string): string | undefined {
  const accountId = parseArn(resource)?.accountId
  return accountId !== undefined && /^\d{12}$/.test(accountId) ? accountId : undefined
}

/** A vault's access policy governs the Backup API's calls on the vault and on the recovery points in it. */
async function resourcePolicyOf(
  db: Queryable,
  action: string,
  resource: string,
  accountId: string,
): Promise<CompiledPolicy | undefined> {
  if (!action.startsWith('backup:') || resource === '*') return undefined
  const vault = resource.includes(':backup-vault:')
    ? await findVaultByArn(db, resource)
    : await vaultOfPoint(db, accountId, resource)
  return vault === undefined ? undefined : vaultPolicy(vault)
}

async function vaultOfPoint(db: Queryable, accountId: string, arn: string): Promise<VaultTable | undefined> {
  const point = await findRecoveryPoint(db, accountId, arn)
  return point && (await findVault(db, point.account_id, point.region, point.vault_name))
}

/** A vault's access policy, compiled; undefined where it has none. */
export function vaultPolicy(
  vault: Pick<VaultTable, 'arn' | 'name' | 'access_policy'>,
): CompiledPolicy | undefined {
  if (vault.access_policy === null) return undefined
  return compiledPolicy(vault.access_policy, 'vault', { type: 'resource', arn: vault.arn, name: vault.name })
}
