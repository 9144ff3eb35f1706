import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Call } from '../../aws/client.ts'
import type {
  DiscoveredResource,
  DiscoveryRule,
  PutDiscoveryRuleInput,
} from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import {
  postgresqlAccess,
  realPath,
  s3Access,
  withPostgresqlOptions,
  withS3Options,
} from './connection-options.ts'
import type { PostgresqlValues, S3Values } from './connection-options.ts'
import { note, say, sayJson, tableOf } from '../output.ts'
import { warn } from './registered.ts'
import { CommandError, CommandUsageError } from '../report.ts'
import { collect, tagsOf } from '../option-values.ts'

interface RuleOptions {
  readonly role: string
  readonly register?: boolean
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly tag?: readonly string[]
  readonly nameTemplate?: string
  readonly every?: string
}

const JSON_OPTION = ['--json', 'print the result as JSON'] as const
/** Between two looks whether a round has ended, and so long in all, in milliseconds. */
const LOOK_EVERY_MS = 250
const PATIENCE_MS = 300_000

export function addDiscovery(program: Command): void {
  const discovery = program
    .command('discovery')
    .description('find new databases, buckets and directories, and offer or register them')
  const put = discovery.command('put').description('add a rule, or put it over the one of its name')
  withRuleOptions(
    put
      .command('directory <rule> <path>')
      .description('the directories that lie directly in PATH')
      .option('--restore-root <dir>', 'where restores make new directories (default: PATH)'),
  ).action(putDirectory)
  withRuleOptions(
    withPostgresqlOptions(
      put
        .command('postgresql <rule>')
        .description('the databases of a server')
        .option('--database <name>', 'database to ask for the others (default: postgres)'),
    ),
  ).action(putPostgresql)
  withRuleOptions(withS3Options(put.command('s3 <rule>').description('the buckets of an access key'))).action(
    putS3,
  )
  discovery
    .command('list')
    .description('all rules, and how the last round of each went')
    .option(...JSON_OPTION)
    .action(list)
  discovery
    .command('found [rule]')
    .description('what was found: offered, registered, refused, or gone at the source')
    .option(...JSON_OPTION)
    .action(found)
  discovery
    .command('run <rule>')
    .description('look now, whatever its interval, and wait for the end')
    .action(run)
  discovery
    .command('register <rule> <name>')
    .description('register what a rule found under NAME')
    .option('--as <name>', 'what it is called here (default: by the name template of the rule)')
    .option('--tag <key=value>', "tag instead of the rule's; may be given again", collect)
    .option(...JSON_OPTION)
    .action(register)
  discovery
    .command('remove <rule>')
    .description('forget a rule and what it found; what is registered stays so')
    .action(remove)
}

function withRuleOptions(command: Command): Command {
  return command
    .requiredOption('--role <arn>', 'role that each round works under')
    .option('--register', 'register what is found (default: offer it)')
    .option(
      '--include <pattern>',
      'names to find, * for any characters; may be given again (default: *)',
      collect,
    )
    .option('--exclude <pattern>', 'names to leave out; may be given again', collect)
    .option('--tag <key=value>', 'tag of what is registered; may be given again', collect)
    .option(
      '--name-template <text>',
      'what it is called here, with {name} for its name there (default: {name})',
    )
    .option('--every <minutes>', 'minutes between two rounds (default: 60)')
}

async function putDirectory(
  name: string,
  path: string,
  options: RuleOptions & { readonly restoreRoot?: string },
): Promise<void> {
  const RestoreRoot = options.restoreRoot === undefined ? undefined : realPath(options.restoreRoot)
  const Connection = { Path: realPath(path), RestoreRoot }
  await putRule({ ...ruleOf(name, options), ResourceType: 'EFS', Connection })
}

async function putPostgresql(name: string, options: RuleOptions & PostgresqlValues): Promise<void> {
  const rule = ruleOf(name, options)
  await putRule({ ...rule, ResourceType: 'RDS', ...(await postgresqlAccess(options)) })
}

async function putS3(name: string, options: RuleOptions & S3Values): Promise<void> {
  const rule = ruleOf(name, options)
  await putRule({ ...rule, ResourceType: 'S3', ...(await s3Access(options)) })
}

function ruleOf(
  Name: string,
  options: RuleOptions,
): Omit<PutDiscoveryRuleInput, 'ResourceType' | 'Connection'> {
  const { every } = options
  if (every !== undefined && !/^\d{1,5}$/.test(every))
    throw new CommandUsageError(`--every "${every}" is not a number of minutes`)
  return {
    Name,
    IamRoleArn: options.role,
    Mode: options.register === true ? 'REGISTER' : 'OFFER',
    Include: options.include === undefined ? undefined : [...options.include],
    Exclude: options.exclude === undefined ? undefined : [...options.exclude],
    NameTemplate: options.nameTemplate,
    Tags: tagsOf(options.tag ?? []),
    IntervalMinutes: every === undefined ? undefined : Number(every),
  }
}

async function putRule(input: PutDiscoveryRuleInput): Promise<void> {
  const { call } = clientFrom(process.env)
  const { DiscoveryRule: rule } = await call('roleback', 'PutDiscoveryRule', input)
  note(`discovery rule ${rule.Name} is put; its first round begins`)
  await sayRound(call, rule)
}

async function run(name: string): Promise<void> {
  const { call } = clientFrom(process.env)
  const before = await ruleNamed(call, name)
  await call('roleback', 'StartDiscovery', { Name: name })
  await sayRound(call, before)
}

/** Waits until a round later than `before` has ended and no other is due. @throws {CommandError} Where it failed. */
async function sayRound(call: Call, before: DiscoveryRule): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    await pause(LOOK_EVERY_MS)
    const rule = await ruleNamed(call, before.Name)
    const at = rule.LastRunAt?.getTime()
    const isOver = at !== before.LastRunAt?.getTime() && (rule.NextRunAt?.getTime() ?? 0) > (at ?? 0)
    if (isOver && rule.LastRunFailed === true)
      throw new CommandError(`The round of discovery rule ${rule.Name} failed: ${rule.LastRunMessage ?? ''}`)
    if (isOver) return say(rule.LastRunMessage ?? '')
    if (performance.now() > deadline)
      throw new CommandError(
        `The round of discovery rule ${rule.Name} did not end within ${PATIENCE_MS / 60_000} minutes. ` +
          '"roleback discovery list" says how it went once it has',
      )
  }
}

async function ruleNamed(call: Call, name: string): Promise<DiscoveryRule> {
  const { DiscoveryRules } = await call('roleback', 'ListDiscoveryRules', {})
  const rule = DiscoveryRules.find((one) => one.Name === name)
  if (rule === undefined)
    throw new CommandError(`There is no discovery rule "${name}". "roleback discovery list" shows all`)
  return rule
}

async function list(options: { readonly json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const { DiscoveryRules } = await call('roleback', 'ListDiscoveryRules', {})
  if (options.json === true) return sayJson(DiscoveryRules)
  if (DiscoveryRules.length === 0)
    return say('There is no discovery rule yet. "roleback discovery put --help" says how.')
  say(
    tableOf(
      ['RULE', 'TYPE', 'WHERE', 'NAMES', 'MODE', 'LAST ROUND', 'RESULT'],
      DiscoveryRules.map((rule) => [
        rule.Name,
        rule.ResourceType,
        placeOf(rule),
        [...rule.Include, ...rule.Exclude.map((pattern) => `not ${pattern}`)].join(', '),
        rule.Mode,
        rule.LastRunAt?.toISOString() ?? 'none yet',
        `${rule.LastRunFailed === true ? 'FAILED: ' : ''}${rule.LastRunMessage ?? ''}`,
      ]),
    ),
  )
}

function placeOf({ Connection: at }: DiscoveryRule): string {
  return at.Path ?? at.Endpoint ?? `${at.Host ?? ''}:${at.Port ?? 5432}`
}

async function found(rule: string | undefined, options: { readonly json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const all: DiscoveredResource[] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListDiscoveredResources', { RuleName: rule, NextToken })
    all.push(...page.DiscoveredResources)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  if (options.json === true) return sayJson(all)
  if (all.length === 0) return say('Nothing was found yet.')
  say(
    tableOf(
      ['RULE', 'NAME', 'STATUS', 'ARN', 'SINCE', 'NOTE'],
      all.map((one) => [
        one.RuleName,
        one.Name,
        one.Status === 'DISCOVERED' ? 'discovered, not registered' : one.Status.toLowerCase(),
        one.ResourceArn ?? '-',
        one.FirstSeenAt.toISOString(),
        noteOf(one),
      ]),
    ),
  )
}

function noteOf({ VanishedAt, Message }: DiscoveredResource): string {
  const gone = VanishedAt === undefined ? undefined : `gone at the source since ${VanishedAt.toISOString()}`
  return [gone, Message].filter((text) => text !== undefined).join('. ')
}

async function register(
  rule: string,
  name: string,
  options: { readonly as?: string; readonly tag?: readonly string[]; readonly json?: boolean },
): Promise<void> {
  const { call } = clientFrom(process.env)
  const made = await call('roleback', 'RegisterDiscoveredResource', {
    RuleName: rule,
    Name: name,
    ResourceName: options.as,
    Tags: options.tag === undefined ? undefined : tagsOf(options.tag),
  })
  if (options.json === true) return sayJson(made)
  say(made.ResourceArn)
  warn(made.Warnings)
}

async function remove(name: string): Promise<void> {
  const { call } = clientFrom(process.env)
  await call('roleback', 'DeleteDiscoveryRule', { Name: name })
  note(`discovery rule ${name} is forgotten; what is registered stays so`)
}
