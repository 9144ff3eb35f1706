import { AlreadyExistsException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  Connection,
  DiscoveredResource,
  ListDiscoveredResourcesInput,
  ListDiscoveredResourcesOutput,
  RegisterDiscoveredResourceInput,
  RegisterDiscoveredResourceOutput,
  RegisterResourceInput,
  RegisterResourceOutput,
  Tag,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { nameHere } from '../plans/discovery.ts'
import type { DiscoveryDocument } from '../plans/discovery.ts'
import { findDiscovered, listDiscovered, putDiscovered } from '../store/resources/discovery.ts'
import type { DiscoveryRuleTable } from '../store/resources/schema-discovery.ts'
import { registrationContext } from './connection-keys.ts'
import { ownerOf, ruleNamed, settingsOf } from './discovery-rules.ts'
import { nextToken, pageOf } from './paging.ts'
import { arnToRegister, registerResource, toConnection } from './resources.ts'

/** What discovery rules found, and registering it: by a rule's own round, or by somebody to whom it was offered. */

export async function listDiscoveredResources(
  ctx: Context,
  input: ListDiscoveredResourcesInput,
): Promise<ListDiscoveredResourcesOutput> {
  const page = pageOf(ctx, 'ListDiscoveredResources', input)
  const { rows, next } = await listDiscovered(ctx.store.db, ownerOf(ctx), input.RuleName, page)
  return {
    DiscoveredResources: rows.map((row): DiscoveredResource => ({
      RuleName: row.rule_name,
      ResourceType: row.type as DiscoveredResource['ResourceType'],
      Name: row.name,
      Status: row.status,
      ResourceArn: row.resource_arn ?? undefined,
      Message: row.message ?? undefined,
      FirstSeenAt: new Date(row.first_seen_at),
      LastSeenAt: new Date(row.last_seen_at),
      VanishedAt: row.vanished_at === null ? undefined : new Date(row.vanished_at),
    })),
    NextToken: nextToken(ctx, 'ListDiscoveredResources', next),
  }
}

/** Registers what a rule found, with the rule's connection; the caller needs the right to register it himself. */
export async function registerDiscoveredResource(
  ctx: Context,
  input: RegisterDiscoveredResourceInput,
): Promise<RegisterDiscoveredResourceOutput> {
  const rule = await ruleNamed(ctx, input.RuleName)
  const found = await findDiscovered(ctx.store.db, rule.rule_id, input.Name)
  if (found === undefined)
    throw new ResourceNotFoundException(
      `Discovery rule ${rule.name} has found nothing called "${input.Name}". "roleback discovery found" lists what it has`,
      { Context: input.Name },
    )
  if (found.status === 'REGISTERED')
    throw new AlreadyExistsException(`"${found.name}" is registered already as ${found.resource_arn}`, {
      Context: found.resource_arn ?? '',
    })
  const made = await registerFound(ctx, rule, found.name, {
    name: input.ResourceName,
    tags: input.Tags,
  })
  await putDiscovered(ctx.store.db, {
    ...found,
    status: 'REGISTERED',
    resource_arn: made.ResourceArn,
    resource_unique_id: made.ResourceId,
    message: null,
  })
  return made
}

/**
 * Decides the registration for whoever `ctx` acts as, as the gate decides RegisterResource, and registers.
 *
 * @throws {AwsError} As RegisterResource.
 */
export async function registerFound(
  ctx: Context,
  rule: DiscoveryRuleTable,
  found: string,
  given: { readonly name?: string | undefined; readonly tags?: readonly Tag[] | undefined } = {},
): Promise<RegisterResourceOutput> {
  const document = JSON.parse(rule.document) as DiscoveryDocument
  const type = rule.type as RegisterResourceInput['ResourceType']
  const tags = Object.entries(document.tags).map(([Key, Value]): Tag => ({ Key, Value }))
  const input: RegisterResourceInput = {
    ResourceType: type,
    Name: given.name ?? nameHere(type, document.nameTemplate, found),
    Connection: connectionTo(rule, found),
    Tags: [...(given.tags ?? tags)],
    ...secretsOf(ctx, rule),
  }
  await ctx.authorize('roleback:RegisterResource', arnToRegister(ctx, input), registrationContext(input))
  return await registerResource(ctx, input, type === 'EFS' ? input.Connection.Path : undefined)
}

function connectionTo(rule: DiscoveryRuleTable, found: string): Connection {
  const connection = toConnection(rule)
  switch (rule.type) {
    case 'EFS':
      return { ...connection, Path: pathTo(rule, found) }
    case 'RDS':
      return { ...connection, Database: found }
    default:
      return { ...connection, Bucket: found }
  }
}

export function pathTo(rule: DiscoveryRuleTable, found: string): string {
  const path = String(settingsOf(rule)['path'])
  return `${path === '/' ? '' : path}/${found}`
}

/** The rule's secrets, as RegisterResource takes them. */
function secretsOf(
  ctx: Context,
  rule: DiscoveryRuleTable,
): Pick<RegisterResourceInput, 'Secret' | 'RestoreSecret'> {
  if (rule.secret === null) return {}
  const plain = ctx.serverKey.open('connection', `${rule.rule_id} ${rule.version}`, rule.secret).toString()
  if (rule.type !== 'RDS' || settingsOf(rule)['restoreUser'] === undefined || !plain.startsWith('{'))
    return { Secret: plain }
  const both = JSON.parse(plain) as { readonly password: string; readonly restorePassword?: string }
  return { Secret: both.password, RestoreSecret: both.restorePassword }
}
