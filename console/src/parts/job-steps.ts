import type { JobDecision } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'

/** One arrow of a job's identity picture: who asks for what, and the decisions that it stands for. */
export interface Step {
  readonly id: string
  readonly label: string
  readonly decisions: readonly JobDecision[]
}

interface Called {
  readonly callerArn: string | undefined
  readonly roleArn: string | undefined
  readonly pointArn: string | undefined
  /** Undefined of jobs that are no restore. */
  readonly restored: object | undefined
  readonly createdAt: Date | undefined
}

const RESTORE = 'backup:StartRestoreJob'
/** How far from a job's creation the decisions on its call may lie, in seconds: the same request makes both. */
const SAME_REQUEST_S = 2

/**
 * The caller's decisions are in the audit trail, for they were taken before there was a job: on its role, and of a restore on the recovery
 * point, which no session asks for. Others may have asked for the same in the same second, and been refused: there is a job, so of the
 * caller's own the last that allowed it is the one.
 */
export async function callerDecisions({
  callerArn,
  roleArn,
  pointArn,
  restored,
  createdAt,
}: Called): Promise<readonly JobDecision[]> {
  if (callerArn === undefined || roleArn === undefined || createdAt === undefined) return []
  const asked: readonly (readonly [action: string, arn: string])[] = [
    ['iam:PassRole', roleArn],
    ...(restored === undefined || pointArn === undefined ? [] : [[RESTORE, pointArn] as const]),
  ]
  const found = await Promise.all(
    asked.map(async ([action, arn]) => await callerDecision(callerArn, action, arn, createdAt)),
  )
  return found.flat()
}

async function callerDecision(
  PrincipalArn: string,
  Action: string,
  Resource: string,
  createdAt: Date,
): Promise<readonly JobDecision[]> {
  const at = createdAt.getTime() / 1000
  const { Events } = await roleback('LookupAuditEvents', {
    Action,
    Resource,
    PrincipalArn,
    Effect: 'Allow',
    StartTime: at - SAME_REQUEST_S,
    EndTime: at + SAME_REQUEST_S,
    MaxResults: 1,
  })
  return Events.map((event) => {
    const { additionalEventData } = JSON.parse(event.CloudTrailEvent) as {
      readonly additionalEventData?: {
        readonly policy?: string
        readonly statement?: string
        readonly reason?: string
      }
    }
    return {
      Step: 'caller',
      IsOptional: false,
      Action,
      Effect: event.Effect,
      ResourceArn: event.Resource,
      Count: 1,
      Reason: additionalEventData?.reason,
      PolicyArn: additionalEventData?.policy,
      StatementId: additionalEventData?.statement,
      FirstAt: event.EventTime,
      LastAt: event.EventTime,
    }
  })
}

/** The arrows in their order: role, session, resource, vault, key. */
export function stepsOf(
  decisions: readonly JobDecision[],
  { pointArn, restored }: Pick<Called, 'pointArn' | 'restored'>,
): readonly Step[] {
  const of = (id: string, label: string, is: (decision: JobDecision) => boolean): Step => ({
    id,
    label,
    decisions: decisions.filter(is),
  })
  const isPass = ({ Action }: JobDecision): boolean =>
    Action === 'iam:PassRole' || (Action.startsWith('backup:Start') && Action !== RESTORE)
  const isAssume = ({ Action }: JobDecision): boolean => Action === 'sts:AssumeRole'
  // What is decided on a recovery point is about the vault that it lies in, whichever service calls it a snapshot.
  const isVault = ({ Action, ResourceArn }: JobDecision): boolean =>
    ResourceArn === pointArn ||
    (/^(?:backup|backup-storage):/.test(Action) &&
      !Action.startsWith('backup:Start') &&
      !/:elasticfilesystem:/.test(ResourceArn))
  const isKey = ({ Action }: JobDecision): boolean => Action.startsWith('kms:')
  const rest = (decision: JobDecision): boolean =>
    ![isPass, isAssume, isVault, isKey].some((is) => is(decision))
  const isRestore = restored !== undefined
  return [
    of('pass', 'The caller passes the role', isPass),
    of('assume', 'The backup service takes it on', isAssume),
    of('resource', `The session works on the ${isRestore ? 'restored resource' : 'resource'}`, rest),
    of(
      'vault',
      isRestore ? 'The recovery point is read from the vault' : 'The session works on the vault',
      isVault,
    ),
    of('key', 'The session uses the key', isKey),
  ]
}
