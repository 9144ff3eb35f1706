import assert from 'node:assert/strict'
import { questionOf } from '../access/authorize.ts'
import type { Authorization } from '../access/authorize.ts'
import { denialMessage } from '../access/denial.ts'
import { rootArn, userArn } from '../access/identity-arns.ts'
import type { Principal } from '../access/principal.ts'
import { AwsError } from '../aws/error.ts'
import type { IamApi } from '../aws/generated/iam.ts'
import type { CallContext, Context } from '../context.ts'
import { ServerKey } from '../keyring/server-key.ts'
import { evaluate } from '../policy/evaluate.ts'
import type { Decision } from '../policy/evaluate.ts'
import { findUserByName } from '../store/identity/identities.ts'
import { insertAccount } from '../store/identity/accounts.ts'
import { openTestChain } from '../store/audit/audit.fixture.ts'
import { openStore } from '../store/store.ts'
import type { Store } from '../store/store.ts'
import { iam } from './operations.ts'
import { tagsOf } from '../store/identity/tags.ts'

/** A store in memory and requests against it, gated like those of the server but without HTTP. */

export const ACCOUNT = '111122223333'
export const NOW: number = Date.UTC(2026, 0, 2, 3, 4, 5)

export interface World {
  readonly store: Store
  readonly serverKey: ServerKey
  readonly root: Principal
  /** Milliseconds since 1970: tests move it. */
  now: number
}

export async function openWorld(): Promise<World> {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  openTestChain(store)
  await insertAccount(store.db, {
    account_id: ACCOUNT,
    name: 'test',
    created_at: NOW,
    root_last_used_at: null,
  })
  const root: Principal = {
    kind: 'root',
    accountId: ACCOUNT,
    arn: rootArn(ACCOUNT),
    uniqueId: ACCOUNT,
    tags: {},
    accessKeyId: 'AKIAROOTROOTROOTROOT',
  }
  return { store, serverKey: new ServerKey(Buffer.alloc(32, 7)), root, now: NOW }
}

/** The principal of a user as the server makes it from one of his keys. */
export async function asUser(world: World, name: string): Promise<Principal> {
  const row = await findUserByName(world.store.db, ACCOUNT, name)
  assert.ok(row, `there is a user ${name}`)
  const arn = userArn(row)
  return {
    kind: 'user',
    accountId: ACCOUNT,
    arn,
    uniqueId: row.user_id,
    identityId: row.user_id,
    userName: row.name,
    tags: await tagsOf(world.store.db, ACCOUNT, arn),
    accessKeyId: 'AKIAUSERUSERUSERUSER',
  }
}

/** What the gate decides. */
export async function decided(db: Store['db'], authorization: Authorization): Promise<Decision> {
  const { request, layers } = await questionOf(db, authorization)
  return evaluate(request, layers)
}

function contextFor(world: World, principal: Principal): Context {
  const decisionOn = async (action: string, resource: string, context?: CallContext) =>
    await decided(world.store.db, {
      principal,
      action,
      resource,
      region: 'us-east-1',
      now: world.now,
      context,
    })
  const { now } = world
  const facts = { requestId: 'r', principal, accountId: principal.accountId, region: 'us-east-1', now }
  const rest = { store: world.store, serverKey: world.serverKey, sourceIp: undefined }
  return {
    ...facts,
    ...rest,
    // Nothing that IAM and STS do reads these.
    clock: undefined as never,
    log: undefined as never,
    server: undefined as never,
    issuers: undefined as never,
    authorize: async (action, resource, context) => {
      const decision = await decisionOn(action, resource, context)
      if (decision.allowed) return
      throw new AwsError('AccessDenied', 403, denialMessage(principal.arn, action, resource, decision))
    },
    ask: async ({ action, resource, context }) => {
      const decision = await decisionOn(action, resource, context)
      if (decision.allowed) return { allowed: true }
      const refusal = new AwsError(
        'AccessDenied',
        403,
        denialMessage(principal.arn, action, resource, decision),
      )
      return { allowed: false, refusal }
    },
    warn: undefined as never,
    preview: undefined as never,
  }
}

interface Entry {
  readonly action?: string
  readonly decidedByHandler?: true
  readonly resource: (ctx: Context, input: unknown) => string | readonly string[] | Promise<string | string[]>
  readonly context?: (ctx: Context, input: unknown) => CallContext | Promise<CallContext>
  readonly handler?: (ctx: Context, input: unknown) => Promise<unknown>
}

/** Authorises and runs one operation of a table as `principal`. */
export async function perform(
  world: World,
  table: object,
  service: string,
  principal: Principal,
  name: string,
  input: object,
): Promise<unknown> {
  const ctx = contextFor(world, principal)
  const entry = (table as Record<string, Entry>)[name]
  assert.ok(entry?.handler, `${name} is built`)
  if (entry.decidedByHandler !== true) {
    const context = await entry.context?.(ctx, input)
    for (const resource of [await entry.resource(ctx, input)].flat()) {
      await ctx.authorize(entry.action ?? `${service}:${name}`, resource, context)
    }
  }
  return await entry.handler(ctx, input)
}

export async function callIam<K extends keyof IamApi>(
  world: World,
  principal: Principal,
  name: K,
  input: IamApi[K]['input'],
): Promise<IamApi[K]['output']> {
  return (await perform(world, iam, 'iam', principal, name, input)) as IamApi[K]['output']
}

/** A check for assert.rejects: the error's code, and text it holds. */
export function awsError(code: string, text: string | RegExp = ''): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AwsError, String(error))
    assert.equal(error.code, code, error.message)
    if (typeof text === 'string') assert.ok(error.message.includes(text), error.message)
    else assert.match(error.message, text)
    return true
  }
}

export function trustOf(principal: object | string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' }],
  })
}

export function allow(action: string | string[], resource = '*', condition?: object): string {
  const statement = { Effect: 'Allow', Action: action, Resource: resource, Condition: condition }
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
}
