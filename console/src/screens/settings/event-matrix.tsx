import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Checkbox from '@cloudscape-design/components/checkbox'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { EVENT_KINDS, kindsOf, patternOf } from './event-kinds.ts'
import type { EventKind } from './event-kinds.ts'
import type { EventTarget } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { AwsCommand, rolebackCommand } from '../../parts/aws-command.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/problem.tsx'
import { useSubmit } from '../../parts/submit.ts'

type Kinds = ReadonlySet<EventKind>

/** Who is told of what: kinds of events by targets. A column that was changed is written as a pattern of just what is marked. */
export function EventMatrix({
  targets,
  onChange,
  onChangeOwn,
}: {
  readonly targets: readonly EventTarget[]
  readonly onChange: () => void
  /** Asked to change a target whose pattern is none of marks. */
  readonly onChangeOwn: (target: EventTarget) => void
}): ReactNode {
  const [drafts, setDrafts] = useState<ReadonlyMap<string, Kinds>>(new Map())
  // A ping hears of its plan's runs, and nothing else.
  const shown = targets.filter(({ Type }) => Type !== 'PING')
  const changed = shown.filter(({ Name }) => drafts.has(Name))
  const isDeaf = changed.some(({ Name, TopicArn }) => TopicArn === undefined && drafts.get(Name)?.size === 0)
  const { error, isBusy, onSubmit } = useSubmit(async () => {
    for (const target of changed) {
      await roleback('PutEventTarget', inputOf(target, drafts.get(target.Name) ?? new Set()))
      setDrafts((before) => new Map([...before].filter(([name]) => name !== target.Name)))
    }
    notify('What targets are told of was saved.')
    onChange()
  })
  if (shown.length === 0) return null
  return (
    <form onSubmit={onSubmit}>
      <SpaceBetween size="s">
        {error !== undefined && <Problem error={error} what="change what targets are told of" />}
        <Table<EventKind>
          variant="container"
          header={
            <Header
              variant="h2"
              description="What vaults tell a topic comes to the targets of the topic besides."
              actions={
                <Button variant="primary" loading={isBusy} disabled={changed.length === 0 || isDeaf}>
                  Save
                </Button>
              }
            >
              Who is told of what
            </Header>
          }
          items={EVENT_KINDS}
          trackBy="label"
          ariaLabels={{ tableLabel: 'Who is told of what' }}
          columnDefinitions={[
            {
              id: 'kind',
              header: 'Event',
              isRowHeader: true,
              minWidth: 170,
              cell: ({ label }) => label,
            },
            ...shown.map((target) => ({
              id: `target ${target.Name}`,
              header: target.Name,
              minWidth: 110,
              cell: (kind: EventKind) => (
                <Cell
                  target={target}
                  kind={kind}
                  draft={drafts.get(target.Name)}
                  onChange={(next) => setDrafts((before) => new Map(before).set(target.Name, next))}
                  onChangeOwn={() => onChangeOwn(target)}
                />
              ),
            })),
          ]}
        />
        {isDeaf && (
          <Alert type="warning">A target that is told of nothing is removed instead: mark something.</Alert>
        )}
        {changed.length > 0 && !isDeaf && (
          <AwsCommand
            command={changed
              .map((target) => commandOf(target, drafts.get(target.Name) ?? new Set()))
              .join('\n')}
          />
        )}
      </SpaceBetween>
    </form>
  )
}

function Cell({
  target,
  kind,
  draft,
  onChange,
  onChangeOwn,
}: {
  readonly target: EventTarget
  readonly kind: EventKind
  readonly draft: Kinds | undefined
  readonly onChange: (kinds: Kinds) => void
  readonly onChangeOwn: () => void
}): ReactNode {
  const { kinds, isOwn } = kindsOf(target)
  if (isOwn)
    return (
      <Button
        variant="inline-link"
        formAction="none"
        ariaLabel={`${kind.label}: ${target.Name} has its own pattern: change it`}
        onClick={onChangeOwn}
      >
        Own pattern
      </Button>
    )
  const now = draft ?? kinds
  return (
    <Checkbox
      checked={now.has(kind)}
      ariaLabel={`${kind.label}: ${target.Name}`}
      onChange={({ detail }) =>
        onChange(new Set(detail.checked ? [...now, kind] : [...now].filter((one) => one !== kind)))
      }
    />
  )
}

/** The target as it is, with another pattern: what is sealed of it stays where it is not given. */
function inputOf({ Name, Type, TopicArn, MailFrom, MailTo }: EventTarget, kinds: Kinds) {
  return {
    Name,
    Type,
    ...(TopicArn !== undefined && { TopicArn }),
    ...(MailFrom !== undefined && { MailFrom }),
    ...(MailTo !== undefined && { MailTo }),
    ...(kinds.size > 0 && { EventPattern: patternOf(kinds) }),
  }
}

function commandOf(target: EventTarget, kinds: Kinds): string {
  const { Name, Type, TopicArn, EventPattern } = inputOf(target, kinds)
  const put = rolebackCommand(['notify', 'put', Name], {
    type: Type.toLowerCase(),
    pattern: EventPattern === undefined ? undefined : `${Name}.json`,
    topic: TopicArn,
  })
  return EventPattern === undefined ? put : `cat > ${Name}.json <<'END'\n${EventPattern}\nEND\n${put}`
}
