import { GetPolicyCommand, GetPolicyVersionCommand, ListGroupsForUserCommand } from '@aws-sdk/client-iam'
import type { Statement } from '@aws-sdk/client-iam'
import { HOLDERS, decoded } from './calls.ts'
import type { PolicyHolder } from './calls.ts'
import { iam } from '../../api/iam.ts'
import { queries } from '../../api/queries.ts'
import { statementText } from '../../parts/format.ts'

/** The simulator knows statements by where they stand in a policy; people know them by their Sid or number. */

/** A text is asked for once, however many answers name it; whoever may not read it is not refused it again and again. */
const FRESH_MS = 60_000

/**
 * "POLICY, SID" or "POLICY, statement 2"; where the policy cannot be read, its line and column.
 *
 * @param holderArn The user, group or role that was simulated.
 */
export async function statementName(holderArn: string, statement: Statement): Promise<string> {
  const { SourcePolicyId: policy = '', StartPosition } = statement
  const texts = await queries.fetchQuery({
    queryKey: ['policy texts', holderArn, policy, statement.SourcePolicyType],
    // Whoever may simulate need not be allowed to read.
    queryFn: async () => await policyTexts(holderArn, statement).catch(() => []),
    staleTime: FRESH_MS,
  })
  const name = texts.map((text) => nameWithin(text, statement)).find((found) => found !== undefined)
  return `${policy}, ${name ?? `line ${StartPosition?.Line ?? 1}, column ${StartPosition?.Column ?? 1}`}`
}

/** The texts that it may stand in: two groups of a user may each have a policy of one name. */
async function policyTexts(
  holderArn: string,
  { SourcePolicyId: policy, SourcePolicyType: type }: Statement,
): Promise<readonly string[]> {
  const [, kind, name = ''] = /:(user|group|role)\/(?:.*\/)?([^/]+)$/.exec(holderArn) ?? []
  if (kind === undefined || policy === undefined) return []
  const holder = { kind: kind as PolicyHolder, name }
  const holders = kind === 'user' ? [holder, ...(await groupsOf(name))] : [holder]
  if (type === 'user' || type === 'group' || type === 'role') {
    const found: string[] = []
    for (const one of holders.filter((each) => each.kind === type))
      if ((await HOLDERS[one.kind].inline(one.name)).includes(policy))
        found.push(await HOLDERS[one.kind].readInline(one.name, policy))
    return found
  }
  const attached = await Promise.all(holders.map(async (one) => await HOLDERS[one.kind].attached(one.name)))
  const arns = attached
    .flat()
    .flatMap(({ PolicyName, PolicyArn = '' }) => (PolicyName === policy ? [PolicyArn] : []))
  const { boundary } = kind === 'group' ? {} : await HOLDERS[holder.kind].describe(name)
  if (boundary?.endsWith(`/${policy}`) === true) arns.push(boundary)
  return await Promise.all([...new Set(arns)].map(managedText))
}

async function groupsOf(UserName: string): Promise<{ readonly kind: 'group'; readonly name: string }[]> {
  const { Groups = [] } = await iam.send(new ListGroupsForUserCommand({ UserName }))
  return Groups.map(({ GroupName = '' }) => ({ kind: 'group', name: GroupName }))
}

async function managedText(PolicyArn: string): Promise<string> {
  const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }))
  const { PolicyVersion } = await iam.send(
    new GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }),
  )
  return decoded(PolicyVersion?.Document)
}

/** Undefined where no statement of this policy stands there. */
function nameWithin(text: string, { StartPosition, EndPosition }: Statement): string | undefined {
  const lines = text.split('\n')
  const at = (position: Statement['StartPosition']): number =>
    lines.slice(0, (position?.Line ?? 1) - 1).reduce((sum, line) => sum + line.length + 1, 0) +
    (position?.Column ?? 1) -
    1
  try {
    const { Statement: all } = JSON.parse(text) as { readonly Statement: unknown }
    const own = JSON.parse(text.slice(at(StartPosition), at(EndPosition))) as { readonly Sid?: string }
    if (own.Sid !== undefined) return own.Sid
    const index = [all].flat().findIndex((one) => JSON.stringify(one) === JSON.stringify(own))
    return index < 0 ? undefined : statementText(`#${index}`)
  } catch {
    return undefined
  }
}
