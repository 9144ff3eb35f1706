import { compilePolicy } from './compile.ts'
import type { CompiledPolicy } from './compile.ts'
import type { ConditionContext } from './context.ts'
import type { PolicyLayers, PrincipalView } from './decision.ts'
import { lintStatement } from './lint-statement.ts'
import { outlook } from './outlook.ts'
import { parsePolicy, PolicySyntaxError } from './parse.ts'
import type { Policy, PolicyKind } from './policy.ts'
import { placeOfError, valuePlaces } from './positions.ts'
import type { TextPosition } from './positions.ts'
import type { ServiceReference } from './reference.ts'

/** What a linter says about one place of a policy. `ERROR`: it does not do what it says; `WARNING`: hardly what was meant. */
export interface Finding extends TextPosition {
  readonly severity: 'ERROR' | 'WARNING' | 'SUGGESTION'
  /** One word for what kind of finding it is; docs/policy-lint.md lists them. */
  readonly code: string
  readonly message: string
  /** Such as `Statement[0].Action[2]`; empty for the whole document. */
  readonly path: string
}

/** A finding before it is placed. */
export type Remark = Pick<Finding, 'severity' | 'code' | 'message' | 'path'>

export interface LintOptions {
  readonly reference: ServiceReference
  /** Who is going to store the policy: it is looked at whether he could change it afterwards. */
  readonly author?: PrincipalView | undefined
  /** The vault that an access policy is for, or the role of a trust policy. */
  readonly resourceArn?: string | undefined
}

/** More findings than this are cut off: a policy with so many is wrong as a whole. */
const MAX_FINDINGS = 200
/** Misspelled names that a policy is told the right ones of; a policy of 128 KiB could have thousands. */
const MAX_GUESSES = 50

/** Everything that is wrong or doubtful about a policy, in the order of its text. Never throws for what the text says. */
export function lintPolicy(text: string, kind: PolicyKind, options: LintOptions): readonly Finding[] {
  let policy: Policy
  try {
    policy = parsePolicy(text, kind)
  } catch (error) {
    if (!(error instanceof PolicySyntaxError)) throw error
    const message = `${error.message} (${error.detail})`
    return [
      { severity: 'ERROR', code: 'SyntaxError', message, path: error.path, ...placeOfError(text, error) },
    ]
  }
  const places = valuePlaces(text)
  const isList = places.has('Statement[0]')
  const guesses = { left: MAX_GUESSES }
  const remarks = [
    ...policy.statements.flatMap((statement) => {
      const path = isList ? `Statement[${statement.index}]` : 'Statement'
      return lintStatement(statement, { policy, path, reference: options.reference, guesses })
    }),
    ...lintWhole(policy),
    ...lockOut(policy, options),
  ]
  return remarks
    .map((remark): Finding => ({ ...remark, ...places.of(remark.path) }))
    .toSorted((a, b) => a.Line - b.Line || a.Column - b.Column)
    .slice(0, MAX_FINDINGS)
}

function lintWhole({ kind, version, statements }: Policy): readonly Remark[] {
  const remarks: Remark[] = []
  if (version !== '2012-10-17') {
    remarks.push({
      severity: 'SUGGESTION',
      code: 'OldVersion',
      message: 'Without "Version": "2012-10-17" policy variables such as ${aws:username} are plain text',
      path: 'Version',
    })
  }
  if (kind === 'trust' && !statements.some(({ effect }) => effect === 'Allow')) {
    remarks.push({
      severity: 'WARNING',
      code: 'AdmitsNobody',
      message: 'No statement allows anybody to assume the role',
      path: 'Statement',
    })
  }
  return remarks
}

/** What changes a vault's access policy: whoever is denied all of it can never mend the policy. */
const VAULT_CHANGES = ['backup:PutBackupVaultAccessPolicy', 'backup:DeleteBackupVaultAccessPolicy']
const IDENTITY_CHANGES: Readonly<Record<string, readonly string[]>> = {
  user: ['iam:PutUserPolicy', 'iam:DeleteUserPolicy', 'iam:DetachUserPolicy'],
  role: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy', 'iam:DetachRolePolicy'],
}

function lockOut(policy: Policy, { author, resourceArn = '*' }: LintOptions): readonly Remark[] {
  if (author === undefined) return []
  const compiled = compilePolicy(policy, { type: 'inline', name: 'linted' })
  const context = new Map([['aws:principalarn', author.roleArn ?? author.arn]]) as ReadonlyMap<
    string,
    string
  > as ConditionContext
  // A Deny under a condition leaves a way: one that he cannot know to be unmet is no lock.
  const isUnknownKey = (key: string): boolean => key !== 'aws:principalarn'
  const isDenied = (action: string, resource: string): boolean => {
    const request = { principal: author, action, resource, context }
    return outlook(request, layersWith(compiled), { isUnknownKey }).best.effect === 'ExplicitDeny'
  }
  if (policy.kind === 'vault') {
    if (!VAULT_CHANGES.every((action) => isDenied(action, resourceArn))) return []
    const message = `It denies ${author.arn} ${VAULT_CHANGES.join(' and ')}: you could neither change it nor take it away again`
    return [{ severity: 'ERROR', code: 'LocksOutAuthor', message, path: '' }]
  }
  if (policy.kind === 'trust') {
    // Root can take on no role, whatever its trust policy says.
    if (author.kind === 'root' || !isDenied('sts:AssumeRole', resourceArn)) return []
    const message = `It denies ${author.arn} sts:AssumeRole: you could not take on the role`
    return [{ severity: 'WARNING', code: 'LocksOutAuthor', message, path: '' }]
  }
  const changes =
    IDENTITY_CHANGES[author.kind === 'user' ? 'user' : author.kind === 'assumed-role' ? 'role' : '']
  if (policy.kind !== 'identity' || changes === undefined) return []
  const own = author.roleArn ?? author.arn
  if (!changes.every((action) => isDenied(action, own))) return []
  const message = `Attached to ${own} it denies ${changes.join(', ')} on itself: you could not take it away again`
  return [{ severity: 'WARNING', code: 'LocksOutAuthor', message, path: '' }]
}

function layersWith(policy: CompiledPolicy): PolicyLayers {
  if (policy.kind === 'vault') return { identity: [], resource: policy }
  return policy.kind === 'trust' ? { identity: [], trust: policy } : { identity: [policy] }
}
