import './job-identity.css'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { JobDecision } from '../api/generated.ts'
import { untilRefused } from '../api/queries.ts'
import { allPages, roleback } from '../api/roleback.ts'
import { Arn } from './arn.tsx'
import { count, nameOf, reasonText, statementText } from './format.ts'
import { callerDecisions, stepsOf } from './job-steps.ts'
import type { Step } from './job-steps.ts'
import { Problem } from './problem.tsx'
import { ResourceName } from './resource-link.tsx'
import { Sideways } from './sideways.tsx'

/** Decisions that are looked at; a job's denials are kept singly up to a thousand. */
const MAX_DECISIONS = 2_000
const FOLLOW_MS = 1_000

interface JobIdentityProps {
  readonly jobId: string
  readonly callerArn: string | undefined
  readonly roleArn: string | undefined
  readonly resourceArn: string | undefined
  readonly vault: string | undefined
  readonly pointArn: string | undefined
  /** Of a restore: what it makes or fills, as far as that is known yet; undefined of other jobs. */
  readonly restored: { readonly arn: string | undefined } | undefined
  readonly createdAt: Date | undefined
  readonly isRunning: boolean
}

/**
 * Who did this, as what: caller, the role that he passed, the session that the job runs as, and what the session asked for. Each arrow
 * is green or red; choosing one shows the statements that decided.
 */
export function JobIdentity(props: JobIdentityProps): ReactNode {
  const { jobId, isRunning } = props
  const { data, error } = useQuery({
    queryKey: ['decisions', jobId, isRunning],
    queryFn: async () =>
      await allPages(
        async (NextToken) =>
          await roleback('ListJobDecisions', {
            JobId: jobId,
            MaxResults: 1000,
            ...(NextToken !== undefined && { NextToken }),
          }),
        (page) => page.Decisions,
        MAX_DECISIONS,
      ),
    refetchInterval: untilRefused(isRunning && FOLLOW_MS),
  })
  const passed = useQuery({
    queryKey: ['passed', jobId],
    queryFn: async () => await callerDecisions(props),
    enabled: props.createdAt !== undefined && props.callerArn !== undefined,
    // Whoever may not read the audit trail sees the rest.
    throwOnError: false,
  })
  const [chosen, setChosen] = useState<string>()
  const decisions = [...(passed.data ?? []), ...(data?.rows ?? [])]
  const steps = stepsOf(decisions, props)
  const shown = steps.find(({ id }) => id === chosen)
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Who started it, which role was passed, and what the job was allowed under it."
        >
          Identity
        </Header>
      }
    >
      {error !== null ? (
        <Problem error={error} what="see what this job was allowed" />
      ) : (
        <SpaceBetween size="m">
          <Picture {...props} steps={steps} chosen={chosen} onChoose={setChosen} />
          <Decisions of={shown?.decisions ?? decisions} title={shown?.label ?? 'All decisions'} />
          {data?.isWhole === false && (
            <Box variant="small">Only the first {count(MAX_DECISIONS, 'decision')} are shown.</Box>
          )}
        </SpaceBetween>
      )}
    </Container>
  )
}

type Health = 'allowed' | 'lessened' | 'denied' | 'unasked'

/** A session that decided anything was given out, so the role's trust policy admitted the service. */
function healthOf({ id, decisions }: Step, all: readonly Step[]): Health {
  if (id === 'assume' && decisions.length === 0) return all.some(isOfSession) ? 'allowed' : 'unasked'
  if (decisions.length === 0) return 'unasked'
  const denied = decisions.filter(({ Effect }) => Effect === 'Deny')
  if (denied.some(({ IsOptional }) => !IsOptional)) return 'denied'
  return denied.length > 0 ? 'lessened' : 'allowed'
}

function isOfSession({ id, decisions }: Step): boolean {
  return ['resource', 'vault', 'key'].includes(id) && decisions.length > 0
}

const MARKS: Readonly<Record<Health, string>> = { allowed: '✓', lessened: '!', denied: '✗', unasked: '·' }
const WORDS: Readonly<Record<Health, string>> = {
  allowed: 'allowed',
  lessened: 'allowed, but for a right that it goes on without',
  denied: 'denied',
  unasked: 'nothing recorded in this job',
}

/** Where the vault is under no encryption key: no role can be given or refused the server's own. */
const KEY_WORDS = 'the server holds it, so no role is asked'

function wordsOf({ id }: Step, health: Health): string {
  return id === 'key' && health === 'unasked' ? KEY_WORDS : WORDS[health]
}

function Picture({
  callerArn,
  roleArn,
  resourceArn,
  vault,
  pointArn,
  restored,
  steps,
  chosen,
  onChoose,
}: JobIdentityProps & {
  readonly steps: readonly Step[]
  readonly chosen: string | undefined
  readonly onChoose: (id: string | undefined) => void
}): ReactNode {
  const [pass, assume, onResource, onVault, onKey] = steps as [Step, Step, Step, Step, Step]
  const arrow = (step: Step): ReactNode => (
    <Arrow
      step={step}
      health={healthOf(step, steps)}
      isChosen={step.id === chosen}
      onChoose={() => onChoose(step.id === chosen ? undefined : step.id)}
    />
  )
  const role = nameOf(roleArn)
  // What a restore makes has its ARN before the job says so: it is decided on.
  const worked = restored === undefined ? resourceArn : (restored.arn ?? onResource.decisions[0]?.ResourceArn)
  return (
    <div className="identity" role="group" aria-label="Caller, role, session and what it works on">
      <Node title="Caller" name={nameOf(callerArn)} detail={callerArn} />
      {arrow(pass)}
      <Node title="Role" name={role} detail={roleArn} />
      {arrow(assume)}
      <Node
        title="Session"
        name={`AWSBackup-${role}`}
        detail="All that the job can do, it does as this session"
      />
      <div className="identity-targets">
        <div>
          {arrow(onResource)}
          <Node
            title={restored === undefined ? 'Resource' : 'Restored resource'}
            name={worked === undefined ? '–' : <ResourceName arn={worked} />}
            detail={worked}
          />
        </div>
        <div>
          {arrow(onVault)}
          <Node title="Vault" name={vault ?? '–'} detail={pointArn} />
        </div>
        <div>
          {arrow(onKey)}
          <Node title="Vault key" name="Held by the server" detail={KEY_WORDS} />
        </div>
      </div>
    </div>
  )
}

function Node(of: {
  readonly title: string
  readonly name: ReactNode
  readonly detail: string | undefined
}): ReactNode {
  return (
    <div className="identity-node" title={of.detail}>
      <span>{of.title}</span>
      <b>{typeof of.name === 'string' ? <Arn of={of.name} /> : of.name}</b>
    </div>
  )
}

function Arrow({
  step,
  health,
  isChosen,
  onChoose,
}: {
  readonly step: Step
  readonly health: Health
  readonly isChosen: boolean
  readonly onChoose: () => void
}): ReactNode {
  return (
    <button
      type="button"
      className={`identity-arrow ${health}`}
      aria-pressed={isChosen}
      aria-label={`${step.label}: ${wordsOf(step, health)}`}
      title={`${step.label}: ${wordsOf(step, health)}`}
      onClick={onChoose}
    >
      <span aria-hidden="true">{MARKS[health]}</span>
    </button>
  )
}

function Decisions({
  of,
  title,
}: {
  readonly of: readonly JobDecision[]
  readonly title: string
}): ReactNode {
  const sorted = of.toSorted((a, b) => Number(b.Effect === 'Deny') - Number(a.Effect === 'Deny'))
  return (
    <Sideways>
      <Table
        variant="embedded"
        header={
          <Header variant="h3" counter={`(${of.length})`}>
            {title}
          </Header>
        }
        items={sorted.slice(0, 200)}
        wrapLines
        ariaLabels={{ tableLabel: title }}
        empty="No decisions were recorded here. Those on the call itself are in the audit trail."
        columnDefinitions={[
          {
            id: 'effect',
            header: 'Decision',
            minWidth: 165,
            cell: ({ Effect, IsOptional }) =>
              Effect !== 'Deny' ? (
                <StatusIndicator type="success">Allowed</StatusIndicator>
              ) : IsOptional ? (
                <StatusIndicator type="warning">Goes on without</StatusIndicator>
              ) : (
                <StatusIndicator type="error">Denied</StatusIndicator>
              ),
          },
          {
            id: 'action',
            header: 'Action',
            isRowHeader: true,
            minWidth: 190,
            cell: ({ Action }) => <Arn of={Action} />,
          },
          { id: 'on', header: 'On', minWidth: 225, cell: ({ ResourceArn }) => <Arn of={ResourceArn} /> },
          { id: 'count', header: 'Times', cell: ({ Count }) => Count.toLocaleString() },
          {
            id: 'by',
            header: 'Decided by',
            minWidth: 160,
            cell: ({ PolicyArn, StatementId, Reason }) =>
              PolicyArn === undefined ? (
                <Arn of={reasonText(Reason)} />
              ) : (
                <Arn
                  of={`${nameOf(PolicyArn)}${StatementId === undefined ? '' : `, ${statementText(StatementId)}`}`}
                />
              ),
          },
        ]}
      />
    </Sideways>
  )
}
