import type { Command } from 'commander'
import { Option } from 'commander'
import type { InputOf } from '../aws/client.ts'
import type { AuditEvent, AuditFinding } from '../aws/generated/roleback.ts'
import { clientFrom } from './connect.ts'
import { note, say, sayJson, tableOf } from './output.ts'
import { CommandError, CommandUsageError } from './report.ts'
import { collect } from './option-values.ts'

interface FilterOptions {
  readonly since?: string
  readonly until?: string
  readonly principal?: string
  readonly action?: string
  readonly resource?: string
  readonly request?: string
  readonly effect?: 'Allow' | 'Deny'
}

export function addAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('the record of every call and decision: show it, export it, check that nobody changed it')
  filters(audit.command('list').description("the account's records, newest first"))
    .option('--max <n>', 'records at most', '100')
    .option('--json', 'print the result as JSON')
    .action(list)
  filters(
    audit
      .command('export')
      .description("all of the account's records as JSON lines in CloudTrail's shape, newest first"),
  ).action(exportLines)
  audit
    .command('verify')
    .description('whether every record of all accounts is there, in its place, as it was written')
    .option(
      '--anchor <chain:sequence:mac>',
      'an "audit anchor" that the log told of, kept elsewhere; may be given again',
      collect,
    )
    .option('--json', 'print the result as JSON')
    .action(verify)
}

function filters(command: Command): Command {
  return command
    .option('--since <time>', 'from then on, such as 2026-11-01T00:00Z')
    .option('--until <time>', 'until then')
    .option('--principal <name>', 'who asked: an ARN, or a part of one such as a name')
    .option('--action <action>', 'such as backup:StartBackupJob')
    .option('--resource <arn>', 'on what')
    .option('--request <id>', 'of one request')
    .addOption(new Option('--effect <effect>', 'what was decided').choices(['Allow', 'Deny']))
}

function inputOf(options: FilterOptions): InputOf<'roleback', 'LookupAuditEvents'> {
  return {
    StartTime: timeOf('--since', options.since),
    EndTime: timeOf('--until', options.until),
    ...principalOf(options.principal),
    Action: options.action,
    Resource: options.resource,
    RequestId: options.request,
    Effect: options.effect,
  }
}

/** A whole ARN is nobody else's; a name may stand anywhere in one. */
function principalOf(who: string | undefined): {
  readonly PrincipalArn?: string
  readonly Principal?: string
} {
  if (who === undefined) return {}
  return who.startsWith('arn:') ? { PrincipalArn: who } : { Principal: who }
}

function timeOf(option: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const time = new Date(text)
  if (Number.isNaN(time.getTime()))
    throw new CommandUsageError(`${option} "${text}" is no time such as 2026-11-01T00:00Z`)
  return time
}

async function* eventsOf(
  input: InputOf<'roleback', 'LookupAuditEvents'>,
  MaxResults: number,
): AsyncGenerator<AuditEvent> {
  const { call } = clientFrom(process.env)
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'LookupAuditEvents', { ...input, MaxResults, NextToken })
    yield* page.Events
    NextToken = page.NextToken
  } while (NextToken !== undefined)
}

async function list(options: FilterOptions & { max: string; json?: boolean }): Promise<void> {
  if (!/^[1-9]\d{0,5}$/.test(options.max))
    throw new CommandUsageError(`--max "${options.max}" is not a number from 1 to 999999`)
  const max = Number(options.max)
  const events: AuditEvent[] = []
  for await (const event of eventsOf(inputOf(options), Math.min(max, 1_000))) {
    events.push(event)
    if (events.length === max) break
  }
  if (options.json === true) sayJson(events)
  else if (events.length === 0) say('Nothing was recorded that fits.')
  else
    say(
      tableOf(
        ['TIME', 'WHO', 'ACTION', 'ON', 'DECISION'],
        events.map((event) => [
          event.EventTime.toISOString(),
          event.PrincipalArn,
          `${event.EventSource.split('.')[0]}:${event.EventName}`,
          event.Resource,
          event.Effect,
        ]),
      ),
    )
}

async function exportLines(options: FilterOptions): Promise<void> {
  for await (const { CloudTrailEvent } of eventsOf(inputOf(options), 1_000)) say(CloudTrailEvent)
}

async function verify(options: { anchor?: readonly string[]; json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const Anchors = (options.anchor ?? []).map(anchorOf)
  const findings: AuditFinding[] = []
  let checked = 0
  let NextToken: string | undefined
  do {
    const part = await call('roleback', 'VerifyAudit', { Anchors, NextToken })
    checked += part.Checked
    findings.push(...part.Findings)
    NextToken = part.NextToken
  } while (NextToken !== undefined)
  if (options.json === true) sayJson({ Checked: checked, Findings: findings })
  else
    for (const { Kind, Chain, Message } of findings)
      say(`${Kind}: ${Message}${Chain === undefined ? '' : ` (chain ${Chain})`}`)
  if (findings.length > 0 && findings.every(({ Kind }) => Kind === 'AnchorsMissing'))
    throw new CommandError(
      `${checked} records fit together, but a chain that was written anew as a whole would not show: see to the system vault, and ask again`,
    )
  if (findings.length > 0)
    throw new CommandError(
      `The audit trail is not as it was written: ${findings.length} findings in ${checked} records. ` +
        'Keep the database as it is, and compare it with a backup from before',
    )
  note(`${checked} records are all there, in their places, as they were written`)
}

function anchorOf(text: string): { Chain: string; Sequence: number; Mac: string } {
  const [, Chain, Sequence, Mac] = /^([^:]+):(\d+):([0-9a-f]{64})$/.exec(text) ?? []
  if (Chain === undefined || Mac === undefined)
    throw new CommandUsageError(
      `--anchor "${text}" is not CHAIN:SEQUENCE:MAC of an "audit anchor" in the log`,
    )
  return { Chain, Sequence: Number(Sequence), Mac }
}
