import { rmSync, writeFileSync } from 'node:fs'
import { profileText } from '../aws-profile.ts'
import { resolve } from 'node:path'
import { AwsError } from '../../aws/error.ts'
import type { Connection } from '../../aws/generated/roleback.ts'
import { allPages, created, differencesOf, tagList, tagMap, updated } from './apply-change.ts'
import type { Applying, Change } from './apply-change.ts'
import type { DeclaredAccount, DeclaredResource, DeclaredRule, DeclaredStorage } from './apply-schema.ts'
import { allResources } from '../resources/registered.ts'
import { CommandError } from '../report.ts'

/** Accounts, storages, registered resources and discovery rules: what has a secret, which is given where it lies. */

export async function accountChange(
  to: Applying,
  declared: DeclaredAccount,
  folder: string,
): Promise<Change> {
  const { Name, Alias, KeyFile } = declared
  const accounts = await allPages(async (NextToken) => {
    const page = await to.call('roleback', 'ListAccounts', { NextToken })
    return [page.Accounts, page.NextToken]
  })
  const what = `account ${Name}`
  const found = accounts.find((one) => one.Name === Name)
  if (found === undefined)
    return created(what, declared, [() => makeAccount(to, declared, resolve(folder, KeyFile))])
  if (Alias !== undefined && found.Alias !== Alias)
    throw new CommandError(
      `Account ${Name} has the alias ${found.Alias ?? 'none'}, and only the account itself can change it to ${Alias}: ` +
        'as its root user, aws iam create-account-alias',
    )
  return updated(what, [])
}

/** Its root user's key is shown once, so the file is made before the account is. */
async function makeAccount(to: Applying, { Name, Alias }: DeclaredAccount, file: string): Promise<void> {
  writeFileSync(file, '', { flag: 'wx', mode: 0o600 })
  const made = await to.call('roleback', 'CreateAccount', { Name, Alias }).catch((error: unknown) => {
    // Left behind it would be in the way when the file is applied again.
    if (error instanceof AwsError) rmSync(file)
    throw error
  })
  const key = { accessKeyId: made.AccessKeyId, secretAccessKey: made.SecretAccessKey }
  writeFileSync(file, profileText('default', key, to.region), { flush: true })
}

export async function storageChange(to: Applying, declared: DeclaredStorage): Promise<Change> {
  const { Secret: place, ...rest } = declared
  const storage = {
    ...rest,
    Location: rest.Location.endsWith('/') ? rest.Location : `${rest.Location}/`,
    Endpoint: originOf(rest.Endpoint) ?? '',
  }
  const what = `storage ${storage.Name}`
  const put = () => to.call('roleback', 'PutStorage', { ...rest, Secret: to.secret(place, what) })
  const { Storages } = await to.call('roleback', 'ListStorages', {})
  const found = Storages.find(({ Name }) => Name === storage.Name)
  if (found === undefined) {
    to.secret(place, what)
    return created(what, declared, [put])
  }
  return updated(what, [[differencesOf(storage, found, '', false), put]])
}

export async function resourceChange(to: Applying, declared: DeclaredResource): Promise<Change> {
  const { Secret: place, RestoreSecret: restorePlace, Tags, ...resource } = declared
  const { ResourceType, Name } = resource
  const what = `resource ${Name}`
  const Secret = place === undefined ? undefined : to.secret(place, what)
  const RestoreSecret = restorePlace === undefined ? undefined : to.secret(restorePlace, what)
  const found = (await allResources(to.call)).filter(
    (one) => one.ResourceType === ResourceType && (one.Name === Name || one.DisplayName === Name),
  )
  const [first, second] = found
  if (second !== undefined)
    throw new CommandError(
      `Two resources are called "${Name}" (${found.map((one) => one.ResourceArn).join(', ')}): give one of them another Name tag`,
    )
  if (first === undefined)
    return created(what, declared, [
      () =>
        to.call('roleback', 'RegisterResource', { ...resource, Secret, RestoreSecret, Tags: tagList(Tags) }),
    ])
  const { ResourceArn } = first
  return updated(what, [
    [
      differencesOf(asStored(resource.Connection), first.Connection ?? {}, 'Connection', false),
      () =>
        to.call('roleback', 'UpdateResource', {
          ResourceArn,
          Connection: resource.Connection,
          Secret,
          RestoreSecret,
        }),
    ],
    [
      differencesOf(Tags ?? {}, tagMap(first.Tags), 'Tags', false),
      () => to.call('tagging', 'TagResources', { ResourceARNList: [ResourceArn], Tags: Tags ?? {} }),
    ],
  ])
}

export async function ruleChange(to: Applying, declared: DeclaredRule): Promise<Change> {
  const { Secret: place, RestoreSecret: restorePlace, Tags, ...rule } = declared
  const what = `discovery rule ${rule.Name}`
  const Secret = place === undefined ? undefined : to.secret(place, what)
  const RestoreSecret = restorePlace === undefined ? undefined : to.secret(restorePlace, what)
  const put = () =>
    to.call('roleback', 'PutDiscoveryRule', { ...rule, Secret, RestoreSecret, Tags: tagList(Tags) })
  const { DiscoveryRules } = await to.call('roleback', 'ListDiscoveryRules', {})
  const found = DiscoveryRules.find(({ Name }) => Name === rule.Name)
  if (found === undefined) return created(what, declared, [put])
  // A rule is put whole: what the file leaves out is its default.
  const whole = {
    Mode: 'OFFER',
    Include: ['*'],
    Exclude: [],
    NameTemplate: '{name}',
    IntervalMinutes: 60,
    ...rule,
    Connection: undefined,
  }
  return updated(what, [
    [
      [
        ...differencesOf(whole, found, '', false),
        ...differencesOf(asStored(rule.Connection), found.Connection, 'Connection', false),
        ...differencesOf(Tags ?? {}, tagMap(found.Tags), 'Tags', true),
      ],
      put,
    ],
  ])
}

/** In the one spelling that the server keeps. */
function asStored(connection: Connection): Connection {
  return {
    ...connection,
    ...(connection.Host !== undefined && { Host: connection.Host.toLowerCase() }),
    ...(connection.Endpoint !== undefined && { Endpoint: originOf(connection.Endpoint) }),
  }
}

function originOf(endpoint: string): string | undefined {
  return URL.canParse(endpoint) ? new URL(endpoint).origin : endpoint
}
