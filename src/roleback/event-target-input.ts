import { X509Certificate } from 'node:crypto'
import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type { PutEventTargetInput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { portOf } from '../egress/pinned-request.ts'
import { TROUBLE_PATTERN } from '../events/mail.ts'
import { CALL_DETAIL_TYPE, parsePattern, PatternError } from '../events/pattern.ts'
import { newSigningSecret, pingPattern, signingKeyOf, TARGET_KINDS } from '../events/target.ts'
import type { TargetSecret, TargetSettings } from '../events/target.ts'
import { parseArn } from '../lib/arn.ts'
import { findPlan } from '../store/plans/plans.ts'

/** What PutEventTarget says, by the target's type: each member that a type has no use for is refused. */

type Kind = (typeof TARGET_KINDS)[number]

const TOPIC = /^arn:[a-z-]+:sns:[a-z0-9-]*:\d{12}:[A-Za-z0-9_-]{1,256}$/
const MAX_URL = 2_048
const MAX_RECIPIENTS = 20
/** An address in the form that everybody has, and that no header can be made of (RFC 5322, 3.4.1, without quotes and comments). */
const ADDRESS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/
/** What a target gets that asks for nothing in particular: every change of state, but no calls of the API. */
const EVERY_CHANGE = JSON.stringify({ 'detail-type': [{ 'anything-but': CALL_DETAIL_TYPE }] })

export function kindOf(type: string): Kind {
  const kind = TARGET_KINDS.find((one) => one === type)
  if (kind !== undefined) return kind
  throw refused('Type', `must be one of ${TARGET_KINDS.join(', ')}, not "${type}"`)
}

/** @param kept Of the target as it was, where its type stays. */
export function secretOf(
  ctx: Context,
  kind: Kind,
  input: PutEventTargetInput,
  kept: TargetSecret | undefined,
): TargetSecret {
  const url = input.Url === undefined ? kept?.url : checkedUrl(ctx, kind, input.Url)
  if (url === undefined) throw refused('Url', 'is missing: a new target, or one of another type, needs it')
  if (kind !== 'WEBHOOK') {
    if (input.SigningSecret !== undefined) throw refused('SigningSecret', 'is for the type WEBHOOK only')
    return {
      url,
      credentials: credentialsOf(kind, input, kept, url),
      confirmationToken: kept?.confirmationToken,
    }
  }
  refuseMailMembers(input)
  if (input.SigningSecret !== undefined && signingKeyOf(input.SigningSecret) === undefined)
    throw refused('SigningSecret', 'must be "whsec_" and the base64 of 24 to 64 bytes')
  return { url, signingSecret: input.SigningSecret ?? kept?.signingSecret ?? newSigningSecret() }
}

/** A password that was given for one server is not said to another; an empty user name takes both away. */
function credentialsOf(
  kind: Kind,
  input: PutEventTargetInput,
  kept: TargetSecret | undefined,
  url: string,
): TargetSecret['credentials'] {
  if (kind !== 'MAIL') return refuseMailMembers(input)
  const { SmtpUserName: user, SmtpPassword: password } = input
  if (user === undefined && password === undefined) return kept?.url === url ? kept.credentials : undefined
  if (user === '' && password === undefined) return undefined
  if (user === undefined || password === undefined)
    throw refused(
      user === undefined ? 'SmtpUserName' : 'SmtpPassword',
      'is missing: user name and password go together',
    )
  if (!/^[\x21-\x7e]{1,320}$/.test(user))
    throw refused('SmtpUserName', 'must have 1 to 320 printable characters')
  if (password.length > 1_024 || CONTROL.test(password))
    throw refused('SmtpPassword', 'must have at most 1,024 characters, all of them printable')
  return { user, password }
}

function refuseMailMembers(input: PutEventTargetInput): undefined {
  const member = (
    ['MailFrom', 'MailTo', 'SmtpUserName', 'SmtpPassword', 'CertificateAuthority'] as const
  ).find((name) => input[name] !== undefined)
  if (member !== undefined) throw refused(member, 'is for the type MAIL only')
  return undefined
}

/** Senders and recipients as they stay where nothing else is said. */
export function mailSettingsOf(
  kind: Kind,
  input: PutEventTargetInput,
  kept: TargetSettings['mail'],
): TargetSettings['mail'] {
  if (kind !== 'MAIL') return undefined
  const from = input.MailFrom ?? kept?.from
  const to = input.MailTo ?? kept?.to ?? []
  if (from === undefined) throw refused('MailFrom', 'is missing: whom mail is from')
  if (to.length === 0 || to.length > MAX_RECIPIENTS)
    throw refused('MailTo', `must have 1 to ${MAX_RECIPIENTS} addresses`)
  for (const [member, address] of [['MailFrom', from], ...to.map((one) => ['MailTo', one] as const)] as const)
    if (address.length > 254 || !ADDRESS.test(address))
      throw refused(member, 'must be an address alone, such as backups@example.com, without a name beside it')
  return { from, to, authority: authorityOf(input.CertificateAuthority, kept?.authority) }
}

/** An empty one takes the authority away: those that the host trusts count again. */
function authorityOf(pem: string | undefined, kept: string | undefined): string | undefined {
  if (pem === undefined) return kept
  if (pem === '') return undefined
  try {
    if (pem.length > 16_384 || !new X509Certificate(pem).ca) throw new Error('no authority')
    return pem
  } catch {
    throw refused('CertificateAuthority', 'must be the certificate of an authority, as PEM of at most 16 KiB')
  }
}

/** Whether it may be connected to is decided at each connection; what is clear beforehand is refused here. Never echoes it. */
function checkedUrl(ctx: Context, kind: Kind, text: string): string {
  const url = text.length <= MAX_URL ? URL.parse(text) : null
  if (kind === 'MAIL') requireMailUrl(url)
  else if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw refused('Url', 'must be an https:// address')
  if (url === null) throw refused('Url', 'cannot be read')
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw refused('Url', 'must not have a user, a password or a fragment in it')
  const place = `${url.hostname}:${portOf(url)}`
  const isListed = ctx.server.allowedEndpoints.includes(place)
  if (url.protocol === 'http:' && !isListed)
    throw refused(
      'Url',
      `must be https: without TLS only what serve --allow-endpoint ${place} names is spoken to`,
    )
  if (ctx.accountId !== ctx.server.managementAccountId && !isListed)
    throw refused('Url', `must be a place that the operator has allowed with serve --allow-endpoint ${place}`)
  return url.href
}

function requireMailUrl(url: URL | null): void {
  if (url === null || !['smtp:', 'smtps:'].includes(url.protocol))
    throw refused('Url', 'must be smtps://HOST[:465], or smtp://HOST[:587] where STARTTLS secures it')
  if (
    !/^(?:[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]+\])$/.test(url.hostname) ||
    !['', '/'].includes(url.pathname) ||
    url.search !== ''
  )
    throw refused('Url', 'must have a host and a port, and nothing behind them')
}

/** A switch hears of one plan's runs, and of nothing else. */
export async function patternOfPlan(ctx: Context, input: PutEventTargetInput): Promise<string> {
  const { BackupPlanId: planId, EventPattern, TopicArn } = input
  if (planId === undefined) throw refused('BackupPlanId', 'is missing: a PING tells of the runs of one plan')
  if (EventPattern !== undefined || TopicArn !== undefined)
    throw refused(
      EventPattern === undefined ? 'TopicArn' : 'EventPattern',
      'is for other types: a PING has its plan',
    )
  const plan = await findPlan(ctx.store.db, ctx, planId)
  if (plan === undefined || plan.deleted_at !== null)
    throw new ResourceNotFoundException(`Cannot find backup plan "${planId}"`, { Context: planId })
  return pingPattern(planId)
}

export function patternOf(
  kind: Kind,
  { EventPattern, TopicArn, BackupPlanId }: PutEventTargetInput,
): string | null {
  if (BackupPlanId !== undefined)
    throw refused('BackupPlanId', 'is for the type PING: other types have a pattern')
  if (EventPattern === undefined && TopicArn !== undefined) return null
  if (EventPattern === undefined) return kind === 'MAIL' ? TROUBLE_PATTERN : EVERY_CHANGE
  try {
    parsePattern(EventPattern)
    return EventPattern
  } catch (error) {
    if (error instanceof PatternError) throw refused('EventPattern', `means nothing here: ${error.message}`)
    throw error
  }
}

/** What an endpoint is sent is signed in its topic's name: nobody names another account's for it. */
export function topicOf(ctx: Context, kind: Kind, { TopicArn }: PutEventTargetInput): string | null {
  if (TopicArn === undefined && kind === 'SNS')
    throw refused('TopicArn', 'is missing: an SNS endpoint is one of a topic')
  if (TopicArn === undefined) return null
  if (kind === 'SNS' && parseArn(TopicArn)?.accountId !== ctx.accountId && TOPIC.test(TopicArn))
    throw refused(
      'TopicArn',
      `must be of this account, ${ctx.accountId}: what an endpoint of ${TopicArn} is sent would be signed in that account's name`,
    )
  if (TOPIC.test(TopicArn)) return TopicArn
  throw refused(
    'TopicArn',
    `must be the ARN of an SNS topic, as the vault's notifications name it, not "${TopicArn}"`,
  )
}

export const refused = (member: string, why: string): InvalidParameterValueException =>
  new InvalidParameterValueException(`${member} ${why}`, { Context: member })
