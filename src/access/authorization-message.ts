import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { ServerKey } from '../keyring/server-key.ts'
import { SealError } from '../keyring/server-key.ts'
import type { CompiledPolicy, StatementRef } from '../policy/compile.ts'
import type { Decision } from '../policy/evaluate.ts'
import type { Condition, Statement } from '../policy/policy.ts'
import type { Principal } from './principal.ts'
import { isForeign } from './proposal.ts'
import type { Question } from './proposal.ts'

/**
 * AWS's encoded authorization messages (STS API Reference, DecodeAuthorizationMessage): what a service such as EC2 puts into a refusal
 * in place of its details, since whoever sees the refusal need not be one who may read policies. Here it is AWS's JSON, deflated, and
 * sealed under the server's key for the account.
 */
const PREFIX = 'Encoded authorization failure message: '

/** So many statements are named at most: a message must fit where messages stand. */
const MAX_STATEMENTS = 10
/** The longest message that STS takes (its model), in characters. */
const MAX_MESSAGE = 10_240

interface List<T> {
  readonly items: readonly T[]
}

const listOf = <T>(items: readonly T[]): List<T> => ({ items })
const valuesOf = (values: readonly string[]): List<{ readonly value: string }> =>
  listOf(values.map((value) => ({ value })))

/** What goes behind a refusal: AWS's words and the sealed message. Undefined where it would be too long to be opened again. */
export function encodedDenial(
  key: ServerKey,
  principal: Principal,
  question: Question,
  decision: Decision,
): string | undefined {
  const plain = Buffer.from(JSON.stringify(messageOf(principal, question, decision)))
  const sealed = key.seal('authorization-message', principal.accountId, deflateRawSync(plain))
  return sealed.length > MAX_MESSAGE ? undefined : `${PREFIX}${sealed}`
}

/** The JSON in a message that was sealed for the account; undefined where it was not, or is damaged. */
export function openAuthorizationMessage(
  key: ServerKey,
  accountId: string,
  message: string,
): string | undefined {
  try {
    return inflateRawSync(key.open('authorization-message', accountId, message)).toString()
  } catch (error) {
    if (error instanceof SealError) return undefined
    throw error
  }
}

function messageOf(principal: Principal, question: Question, decision: Decision): object {
  const { request } = question
  return {
    allowed: false,
    explicitDeny:
      decision.effect === 'ExplicitDeny' && !(isForeign(request) && decision.layer === 'resource'),
    matchedStatements: listOf(statementsOf(question, decision).map(statementMember)),
    failures: listOf([]),
    context: {
      principal: {
        id: principal.uniqueId,
        ...(principal.userName !== undefined && { name: principal.userName }),
        arn: principal.arn,
      },
      action: request.action,
      resource: request.resource,
      conditions: listOf(
        [...request.context]
          .filter(([name]) => name !== 'sts:externalid')
          .map(([name, value]) => ({ key: name, values: valuesOf([value].flat()) })),
      ),
    },
  }
}

/** The statements that decided, of the caller's own account's policies. */
function statementsOf({ request, layers }: Question, decision: Decision): readonly Statement[] {
  const ofResource = isForeign(request) ? [] : [layers.resource, layers.trust]
  const policies = [...layers.identity, ...(layers.boundary ?? []), ...(layers.session ?? []), ...ofResource]
  return decision.statements.flatMap((ref) => statementOf(policies, ref) ?? []).slice(0, MAX_STATEMENTS)
}

function statementOf(
  policies: readonly (CompiledPolicy | undefined)[],
  ref: StatementRef,
): Statement | undefined {
  return policies.find((policy) => policy?.source === ref.policy)?.statements[ref.index]?.statement
}

function statementMember({ sid, effect, action, resource, principal, conditions }: Statement): object {
  return {
    statementId: sid ?? '',
    effect: effect === 'Deny' ? 'DENY' : 'ALLOW',
    principals: valuesOf(principal === undefined ? [] : [...principal.names.aws, ...principal.names.service]),
    principalGroups: listOf([]),
    [action.negated ? 'notActions' : 'actions']: valuesOf(action.names),
    [resource?.negated === true ? 'notResources' : 'resources']: valuesOf(resource?.names ?? []),
    conditions: listOf(conditions.map(conditionMember)),
  }
}

const conditionMember = ({ operator, key, values }: Condition): object => ({
  key: `${operator.name}:${key}`,
  values: valuesOf(values),
})
