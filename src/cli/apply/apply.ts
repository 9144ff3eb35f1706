import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { planChange, vaultChange } from './apply-backups.ts'
import { secretReader } from './apply-change.ts'
import type { Applying, Change, Difference } from './apply-change.ts'
import { accountChange, resourceChange, ruleChange, storageChange } from './apply-connections.ts'
import { DeclarationError, readDeclaration } from './apply-file.ts'
import { groupChange, policyChange, roleChange, userChange } from './apply-identities.ts'
import { DECLARATION } from './apply-schema.ts'
import type { Declaration } from './apply-schema.ts'
import { clientFrom } from '../connect.ts'
import { note, say } from '../output.ts'
import { CommandError, CommandUsageError, describeError } from '../report.ts'

export function addApply(program: Command): void {
  program
    .command('apply')
    .description('bring accounts, storages, roles, vaults, resources and plans to what a file declares')
    .requiredOption('-f, --file <file>', 'YAML or JSON, - for standard input')
    .option('--dry-run', 'say what would change, and change nothing')
    .action(apply)
}

/** Everything is read and compared before the first change, so that a file that cannot be applied changes nothing. */
async function apply(options: { readonly file: string; readonly dryRun?: boolean }): Promise<void> {
  const { file } = options
  const { call, region } = clientFrom(process.env)
  const { Account: accountId = '' } = await call('sts', 'GetCallerIdentity', {})
  const folder = file === '-' ? process.cwd() : dirname(resolve(file))
  const declared = declarationIn(file, { AccountId: accountId, Region: region })
  const to: Applying = { call, accountId, region, secret: secretReader(folder, process.env) }
  const changes = await changesOf(to, declared, folder)
  const wanted = changes.filter(({ action }) => action !== 'unchanged')
  for (const change of changes) sayChange(change)
  const unchanged = changes.length - wanted.length
  if (wanted.length === 0) return say(`no changes: ${unchanged} unchanged`)
  const count = (action: Change['action']): number => wanted.filter((one) => one.action === action).length
  const summary = `${count('create')} to create, ${count('update')} to update, ${unchanged} unchanged`
  if (options.dryRun === true) return say(`${summary}. Nothing was changed: this was a dry run`)
  say(summary)
  await make(wanted)
}

function declarationIn(file: string, variables: Readonly<Record<string, string>>): Declaration {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8')
  const name = file === '-' ? 'standard input' : file
  try {
    return readDeclaration(text, name, DECLARATION, variables) as Declaration
  } catch (error) {
    if (!(error instanceof DeclarationError)) throw error
    for (const line of error.message.split('\n')) note(line)
    throw new CommandUsageError(`Cannot apply ${name}: it says what cannot be, and nothing was changed`, {
      cause: error,
    })
  }
}

/** In the order in which one needs the other. */
async function changesOf(to: Applying, declared: Declaration, folder: string): Promise<readonly Change[]> {
  const changes: Change[] = []
  const add = async <T>(
    things: readonly T[] | undefined,
    changeOf: (to: Applying, thing: T) => Promise<Change>,
  ): Promise<void> => {
    for (const thing of things ?? []) changes.push(await changeOf(to, thing))
  }
  await add(declared.Accounts, (_, account) => accountChange(to, account, folder))
  await add(declared.Storages, storageChange)
  await add(declared.Policies, policyChange)
  await add(declared.Roles, roleChange)
  await add(declared.Groups, groupChange)
  await add(declared.Users, userChange)
  await add(declared.Vaults, vaultChange)
  await add(declared.Resources, resourceChange)
  await add(declared.DiscoveryRules, ruleChange)
  await add(declared.Plans, planChange)
  refuseTwins(changes)
  return changes
}

function refuseTwins(changes: readonly Change[]): void {
  const seen = new Set<string>()
  for (const { what } of changes) {
    if (seen.has(what)) throw new CommandUsageError(`The file declares ${what} twice: nothing was changed`)
    seen.add(what)
  }
}

const MARKS = { create: '+', update: '~', unchanged: '=' } as const
const MAX_VALUE = 200

function sayChange({ what, action, differences }: Change): void {
  say(`${MARKS[action]} ${what}: ${action}`)
  for (const difference of differences) say(`    ${toldOf(difference, action)}`)
}

function toldOf({ path, from, to }: Difference, action: Change['action']): string {
  if (action === 'create') return `${path}: ${shown(to)}`
  return `${path}: ${from === undefined ? 'none' : shown(from)} -> ${to === undefined ? 'none' : shown(to)}`
}

function shown(value: unknown): string {
  // Policies are JSON already.
  const text = typeof value === 'string' && value.startsWith('{') ? value : JSON.stringify(value)
  return text.length <= MAX_VALUE ? text : `${text.slice(0, MAX_VALUE)}…`
}

/** Stops at the first refusal. @throws {CommandError} With what was done and what was not. */
async function make(changes: readonly Change[]): Promise<void> {
  for (const [at, { what, action, steps }] of changes.entries()) {
    let done = 0
    try {
      for (const step of steps) {
        await step()
        done++
      }
    } catch (cause) {
      const rest = changes.slice(at + 1).map((one) => one.what)
      const half = done > 0 ? ` (${done} of its ${steps.length} steps were done)` : ''
      throw new CommandError(
        `Cannot ${action} ${what}${half}: ${describeError(cause)}. Before it ${at === 0 ? 'nothing was' : `${at} of ${changes.length} were`} done; ` +
          `not done: ${[what, ...rest].join(', ')}. Apply the file again once the reason is gone: what is done is not done twice`,
        { cause },
      )
    }
    say(`${action}d ${what}`)
  }
}
