import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { StatusIndicatorProps } from '@cloudscape-design/components/status-indicator'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { PutRule } from './discovery-rule.tsx'
import type { DiscoveredResource, DiscoveryRule } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { quoted } from '../parts/aws-command.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { useFilters } from '../parts/filters.ts'
import { FormDialog } from '../parts/form-dialog.tsx'
import { ago, fromSeconds, nameOf, typeName } from '../parts/format.ts'
import { Actions } from '../parts/layout.tsx'
import { List } from '../parts/list.tsx'
import { NoneYet } from '../parts/none-yet.tsx'
import { notify } from '../parts/notices.tsx'
import { usePages } from '../parts/pages.ts'
import { Message, notifyProblem } from '../parts/problem.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'

const FOLLOW_MS = 2_000

/** What lies behind connections and is not protected yet: rules that look for it, and what they found. */
export function Discovery(): ReactNode {
  const [put, setPut] = useState<DiscoveryRule | 'new'>()
  const [doomed, setDoomed] = useState<string>()
  const { get, set } = useFilters()
  const pages = usePages(
    ['discovery rules'],
    async () => ({ rows: (await roleback('ListDiscoveryRules', {})).DiscoveryRules, next: undefined }),
    FOLLOW_MS,
  )
  const look = async (Name: string): Promise<void> => {
    try {
      await roleback('StartDiscovery', { Name })
      notify(`${Name} looks now.`, 'info')
      pages.refresh()
    } catch (failure) {
      notifyProblem(failure, 'have this rule look now')
    }
  }
  const create = (
    <Button variant="primary" onClick={() => setPut('new')}>
      Create rule
    </Button>
  )
  return (
    <Screen
      title="Discovery"
      description="New databases, buckets and directories are found by rules, and offered here or registered at once, so that no plan misses them."
      above={[['Resources', '/resources']]}
    >
      <List<DiscoveryRule>
        variant="container"
        title="Discovery rules"
        what="list discovery rules"
        pages={pages}
        idOf={({ Name }) => Name}
        actions={create}
        empty={
          <NoneYet title="No discovery rules" action={create}>
            Nothing is looked for. A rule looks behind one connection, each hour, under a role of your choice.
          </NoneYet>
        }
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: ({ Name }) => Name },
          { id: 'where', header: 'Where', cell: placeOf },
          { id: 'what', header: 'Looks for', cell: patternsOf },
          {
            id: 'then',
            header: 'Found ones are',
            minWidth: 120,
            cell: ({ Mode }) => (Mode === 'REGISTER' ? 'Registered' : 'Offered'),
          },
          { id: 'last', header: 'Last round', minWidth: 200, cell: (rule) => <LastRound of={rule} /> },
          {
            id: 'do',
            header: 'Actions',
            cell: (rule) => (
              <Actions>
                <Button
                  variant="inline-link"
                  ariaLabel={`Look now by ${rule.Name}`}
                  onClick={() => void look(rule.Name)}
                >
                  Look now
                </Button>
                <Button variant="inline-link" ariaLabel={`Edit ${rule.Name}`} onClick={() => setPut(rule)}>
                  Edit
                </Button>
                <Button
                  variant="inline-link"
                  ariaLabel={`Delete ${rule.Name}`}
                  onClick={() => setDoomed(rule.Name)}
                >
                  Delete
                </Button>
              </Actions>
            ),
          },
        ]}
      />
      {pages.rows.length > 1 && (
        <SegmentedControl
          label="Found by"
          selectedId={get('rule') ?? ''}
          onChange={({ detail }) => set('rule', detail.selectedId)}
          options={[
            { id: '', text: 'All rules' },
            ...pages.rows.map(({ Name }) => ({ id: Name, text: Name })),
          ]}
        />
      )}
      <Found rule={get('rule')} rules={pages.rows} />
      {put !== undefined && (
        <PutRule
          before={put === 'new' ? undefined : put}
          onClose={() => {
            setPut(undefined)
            pages.refresh()
          }}
        />
      )}
      {doomed !== undefined && (
        <Confirm
          title={`Delete discovery rule ${doomed}`}
          what="delete this discovery rule"
          word="delete"
          action="Delete rule"
          command={`roleback discovery remove ${quoted(doomed)}`}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            await roleback('DeleteDiscoveryRule', { Name: doomed })
            notify(`Discovery rule ${doomed} was deleted.`)
            if (get('rule') === doomed) set('rule', undefined)
            pages.refresh()
          }}
        >
          What it found is forgotten; what is registered stays so.
        </Confirm>
      )}
    </Screen>
  )
}

function placeOf({ ResourceType, Connection: { Host, Port, Path, Endpoint } }: DiscoveryRule): string {
  const place = Path ?? Endpoint ?? `${Host ?? ''}:${Port ?? ''}`
  return `${typeName(ResourceType)}: ${place}`
}

function patternsOf({ Include, Exclude }: DiscoveryRule): string {
  const wanted = Include.join(', ')
  return Exclude.length === 0 ? wanted : `${wanted}, but not ${Exclude.join(', ')}`
}

function nextRound(at: Date | undefined): string {
  return at !== undefined && at.getTime() <= Date.now() ? 'now' : ago(at)
}

function LastRound({ of }: { readonly of: DiscoveryRule }): ReactNode {
  const next = nextRound(fromSeconds(of.NextRunAt))
  return (
    <>
      {of.LastRunAt === undefined ? (
        <StatusIndicator type="pending">Not yet</StatusIndicator>
      ) : (
        <StatusIndicator type={of.LastRunFailed === true ? 'error' : 'success'}>
          {ago(fromSeconds(of.LastRunAt))}
        </StatusIndicator>
      )}
      <div>
        <Message text={of.LastRunMessage} />
      </div>
      <Box color="text-body-secondary" fontSize="body-s">
        As {nameOf(of.IamRoleArn)}, next {next}
      </Box>
    </>
  )
}

function Found({
  rule,
  rules,
}: {
  readonly rule: string | undefined
  readonly rules: readonly DiscoveryRule[]
}): ReactNode {
  const [offered, setOffered] = useState<DiscoveredResource>()
  const pages = usePages(
    ['discovered', rule],
    async (NextToken) => {
      const answer = await roleback('ListDiscoveredResources', { RuleName: rule, MaxResults: 50, NextToken })
      return { rows: answer.DiscoveredResources, next: answer.NextToken }
    },
    FOLLOW_MS,
  )
  return (
    <>
      <List<DiscoveredResource>
        variant="container"
        title="Found"
        what="list what was found"
        pages={pages}
        idOf={({ RuleName, Name }) => `${RuleName} ${Name}`}
        empty={
          rules.length === 0 ? 'Create a rule, and what it finds is listed here.' : 'Nothing was found yet.'
        }
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: ({ Name }) => Name },
          { id: 'rule', header: 'Rule', cell: ({ RuleName }) => RuleName },
          { id: 'type', header: 'Type', cell: ({ ResourceType }) => typeName(ResourceType) },
          { id: 'state', header: 'State', minWidth: 180, cell: (found) => <FoundState of={found} /> },
          {
            id: 'resource',
            header: 'Resource',
            cell: ({ ResourceArn }) => <ResourceLink arn={ResourceArn} />,
          },
          { id: 'first', header: 'First seen', cell: ({ FirstSeenAt }) => ago(fromSeconds(FirstSeenAt)) },
          {
            id: 'do',
            header: 'Actions',
            cell: (found) =>
              found.Status === 'REGISTERED' || found.VanishedAt !== undefined ? (
                '–'
              ) : (
                <Button
                  variant="inline-link"
                  ariaLabel={`Register ${found.Name}`}
                  onClick={() => setOffered(found)}
                >
                  Register
                </Button>
              ),
          },
        ]}
      />
      {offered !== undefined && (
        <Register
          found={offered}
          template={rules.find(({ Name }) => Name === offered.RuleName)?.NameTemplate}
          onClose={() => {
            setOffered(undefined)
            pages.refresh()
          }}
        />
      )}
    </>
  )
}

const STATES: Readonly<Record<DiscoveredResource['Status'], readonly [StatusIndicatorProps.Type, string]>> = {
  DISCOVERED: ['pending', 'Offered'],
  REGISTERED: ['success', 'Registered'],
  REFUSED: ['error', 'Refused'],
  DEREGISTERED: ['stopped', 'Deregistered'],
}

function FoundState({ of }: { readonly of: DiscoveredResource }): ReactNode {
  const [type, text] = STATES[of.Status]
  if (of.VanishedAt !== undefined)
    return (
      <StatusIndicator type="warning">
        {text}, gone at the source {ago(fromSeconds(of.VanishedAt))}
      </StatusIndicator>
    )
  return (
    <>
      <StatusIndicator type={type}>{text}</StatusIndicator>
      {of.Message !== undefined && (
        <div>
          <Message text={of.Message} />
        </div>
      )}
    </>
  )
}

function Register({
  found: { RuleName, Name },
  template,
  onClose,
}: {
  readonly found: DiscoveredResource
  readonly template: string | undefined
  readonly onClose: () => void
}): ReactNode {
  const [as, setAs] = useState('')
  const name = as.trim() === '' ? undefined : as.trim()
  return (
    <FormDialog
      title={`Register ${Name}`}
      what="register this"
      action="Register"
      isReady
      command={`roleback discovery register ${quoted(RuleName)} ${quoted(Name)}${name === undefined ? '' : ` --as ${quoted(name)}`}`}
      onClose={onClose}
      onSubmit={async () => {
        const { Warnings } = await roleback('RegisterDiscoveredResource', {
          RuleName,
          Name,
          ResourceName: name,
        })
        notify(`${Name} is registered, and plans can select it.`)
        for (const warning of Warnings ?? []) notify(warning, 'warning')
      }}
    >
      <div>It is registered with the connection and the tags of rule {RuleName}.</div>
      <FormField label="Name here (optional)" description="Without one the rule names it.">
        <Input
          value={as}
          placeholder={(template ?? '{name}').replace('{name}', Name)}
          onChange={({ detail }) => setAs(detail.value)}
        />
      </FormField>
    </FormDialog>
  )
}
