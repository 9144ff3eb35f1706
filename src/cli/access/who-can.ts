import type { Command } from 'commander'
import type { Call } from '../../aws/client.ts'
import type {
  AssumptionPath,
  DecidedRight,
  DecidingStatement,
  ListPrincipalsWhoCanInput,
  ListPrincipalsWhoCanOutput,
  PrincipalWhoCan,
} from '../../aws/generated/roleback.ts'
import { printable } from '../../lib/log.ts'
import { clientFrom } from '../connect.ts'
import { say, sayJson } from '../output.ts'
import { CommandUsageError } from '../report.ts'
import { roleArnOf } from './role-name.ts'

type Action = ListPrincipalsWhoCanInput['Action']

const WORDS: readonly Action[] = ['delete', 'restore', 'pass', 'assume', 'unlock']

export function addWhoCan(program: Command): void {
  program
    .command('who-can')
    .description('everybody who may do something to something, and by what')
    .argument(
      '<resource>',
      'ARN of a backup vault, recovery point, role or anything else; name of a vault, or of a role',
    )
    .argument(
      '<action>',
      'delete, restore, pass, assume, unlock, or one action as policies name it, e.g. backup:CopyIntoBackupVault',
    )
    .option('--json', 'print the result as JSON')
    .action(async (resource: string, action: Action, options: { json?: boolean }) => {
      if (!WORDS.includes(action) && !action.includes(':'))
        throw new CommandUsageError(
          `action "${action}" is neither one of ${WORDS.join(', ')} nor one as policies name it, such as backup:StartRestoreJob`,
        )
      const { call } = clientFrom(process.env)
      const found = await whoCan(call, await resourceArnOf(call, resource, action), action)
      if (options.json === true) sayJson(found)
      else say(report(found))
    })
}

async function resourceArnOf(call: Call, resource: string, action: Action): Promise<string> {
  if (resource.startsWith('arn:')) return resource
  if (/^(?:pass|assume|iam:.*)$/.test(action)) return await roleArnOf(call, resource)
  const { BackupVaultArn } = await call('backup', 'DescribeBackupVault', { BackupVaultName: resource })
  return BackupVaultArn ?? resource
}

/** All pages as one. */
async function whoCan(call: Call, ResourceArn: string, Action: Action): Promise<ListPrincipalsWhoCanOutput> {
  const principals: PrincipalWhoCan[] = []
  let NextToken: string | undefined
  for (;;) {
    const page = await call('roleback', 'ListPrincipalsWhoCan', { ResourceArn, Action, NextToken })
    principals.push(...page.Principals)
    NextToken = page.NextToken
    if (NextToken === undefined) return { ...page, Principals: principals }
  }
}

/** Everybody in paragraphs for people. */
function report({ Action, ResourceArn, Barred, Principals, Notes }: ListPrincipalsWhoCanOutput): string {
  const outright = Principals.filter(({ Verdict }) => Verdict === 'allowed').length
  const counts = `${outright} outright, ${Principals.length - outright} under conditions`
  const head =
    Barred === undefined
      ? `${Principals.length} may ${Action} ${ResourceArn}: ${counts}`
      : `Nobody can ${Action} ${ResourceArn} as it stands: ${Barred}. By their rights ${Principals.length} may: ${counts}`
  return [printable(head), ...Notes.map(printable), ...Principals.map(paragraph)].join('\n\n')
}

function paragraph(one: PrincipalWhoCan): string {
  const under = one.Verdict === 'allowed' ? '' : ', under conditions'
  const lines = [
    `${one.PrincipalType} ${one.PrincipalArn}${under}`,
    ...one.Rights.map((right) => `  ${rightLine(right)}`),
    ...one.Passing.map((right) => `  with ${rightLine(right)}`),
    ...leftOut(one.PassingCount - one.Passing.length),
    ...(one.PrincipalType === 'role' && one.Paths.length === 0 && !one.MorePaths
      ? ['  nobody can take it on']
      : []),
    ...one.Paths.map((path) => `  ${pathLine(path)}`),
    ...(one.MorePaths ? ['  and perhaps further paths, which were not looked for'] : []),
  ]
  return lines.map(printable).join('\n')
}

function leftOut(roles: number): readonly string[] {
  return roles === 0 ? [] : [`  and ${roles} further roles`]
}

function rightLine(right: DecidedRight): string {
  // Of all rights this is the one that is told though it is missing: what the restore guard asks for any other target.
  if (right.Verdict === 'denied')
    return `only back into where it came from, for lack of ${right.Action} on ${right.ResourceArn}: ${right.Reason}`
  const by = right.Statements.map(statementText)
  const session = right.SessionName === undefined ? '' : ` as session ${right.SessionName}`
  return `${right.Action} on ${right.ResourceArn}${session}: ${by.length === 0 ? right.Reason : by.join('; ')}`
}

function statementText({ Effect, StatementId, Policy, AttachedTo, Conditions }: DecidingStatement): string {
  const at = AttachedTo === undefined ? '' : ` of ${AttachedTo}`
  const when = Conditions.length === 0 ? '' : ` if ${Conditions.join(' and ')}`
  return `${Effect} ${StatementId} in ${Policy}${at}${when}`
}

function pathLine({ From, FromType, Steps, Verdict }: AssumptionPath): string {
  const names = Steps.map(({ RoleArn }) => RoleArn.slice(RoleArn.indexOf(':role/') + ':role/'.length))
  const under = Verdict === 'allowed' ? '' : ' (under conditions)'
  const by = Steps.flatMap(({ Statements }) => Statements.map(statementText))
  return `by ${FromType} ${From} -> ${names.join(' -> ')}${under}: ${by.join('; ')}`
}
