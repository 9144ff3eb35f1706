import {
  GetBackupPlanCommand,
  GetBackupPlanFromTemplateCommand,
  ListBackupPlanTemplatesCommand,
  ListBackupPlansCommand,
} from '@aws-sdk/client-backup'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { withPlan } from './draft.ts'
import type { Draft } from './draft.ts'
import { PlanJson } from './plan-json.tsx'
import { backup } from '../../api/backup.ts'
import { allPages, roleback } from '../../api/roleback.ts'
import { count } from '../../parts/format.ts'
import { NameField } from '../../parts/name-field.tsx'
import { Problem } from '../../parts/problem.tsx'

/** Plans that are offered to begin with. */
const MAX_OFFERED = 500

type Way = 'scratch' | 'template' | 'plan' | 'json'

const WAYS: readonly { readonly value: Way; readonly label: string; readonly description: string }[] = [
  { value: 'scratch', label: 'Build a new plan', description: 'One daily rule, as AWS suggests it.' },
  { value: 'template', label: 'Start with a template', description: 'One of AWS’s usual plans.' },
  { value: 'plan', label: 'Start with an existing plan', description: 'A copy of it under another name.' },
  { value: 'json', label: 'Define a plan using JSON', description: 'As the aws CLI takes it.' },
]

interface StartProps {
  readonly draft: Draft
  readonly scratch: Draft
  readonly onChange: (draft: Draft) => void
}

/** What the plan begins with, and its name. */
export function StartStep({ draft, scratch, onChange }: StartProps): ReactNode {
  const [way, setWay] = useState<Way>('scratch')
  return (
    <Container>
      <SpaceBetween size="l">
        <RadioGroup
          ariaLabel="What it begins with"
          value={way}
          items={[...WAYS]}
          onChange={({ detail }) => {
            setWay(detail.value as Way)
            if (detail.value === 'scratch') onChange({ ...scratch, name: draft.name, tags: draft.tags })
          }}
        />
        {way === 'template' && <Template draft={draft} onChange={onChange} />}
        {way === 'plan' && <Existing draft={draft} onChange={onChange} />}
        <NameField
          label="Backup plan name"
          kind="plan"
          hint="It stays as it is once the plan is made."
          stretch
          value={draft.name}
          onChange={(name) => onChange({ ...draft, name })}
        />
        {way === 'json' && <PlanJson draft={draft} onChange={onChange} />}
      </SpaceBetween>
    </Container>
  )
}

type SourceProps = Omit<StartProps, 'scratch'>

function Template({ draft, onChange }: SourceProps): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['plan templates'],
    queryFn: async () =>
      (await backup.send(new ListBackupPlanTemplatesCommand({}))).BackupPlanTemplatesList ?? [],
  })
  const load = useMutation({
    mutationFn: async (id: string) => {
      const answer = await backup.send(new GetBackupPlanFromTemplateCommand({ BackupPlanTemplateId: id }))
      onChange(withPlan(draft, answer.BackupPlanDocument ?? {}, []))
    },
  })
  return (
    <Source
      label="Template"
      what="see the templates"
      error={error ?? load.error}
      options={(data ?? []).map(
        ({ BackupPlanTemplateId: value = '', BackupPlanTemplateName: label = '' }) => ({
          value,
          label,
        }),
      )}
      rules={load.isSuccess ? draft.rules.length : undefined}
      onChoose={(id) => load.mutate(id)}
    />
  )
}

function Existing({ draft, onChange }: SourceProps): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['plans to begin with'],
    queryFn: async () => {
      const { rows } = await allPages(
        async (NextToken) => await backup.send(new ListBackupPlansCommand({ MaxResults: 100, NextToken })),
        (page) => page.BackupPlansList,
        MAX_OFFERED,
      )
      return rows
    },
  })
  const load = useMutation({
    mutationFn: async (id: string) => {
      const [{ BackupPlan }, { RetentionCounts }] = await Promise.all([
        backup.send(new GetBackupPlanCommand({ BackupPlanId: id })),
        roleback('ListRetentionCounts', { BackupPlanId: id }),
      ])
      const name = `${BackupPlan?.BackupPlanName ?? 'plan'}-copy`.slice(0, 50)
      onChange(withPlan(draft, { ...BackupPlan, BackupPlanName: name }, RetentionCounts))
    },
  })
  return (
    <Source
      label="Backup plan"
      what="begin with another plan"
      error={error ?? load.error}
      options={(data ?? []).map(({ BackupPlanId: value = '', BackupPlanName: label = '' }) => ({
        value,
        label,
      }))}
      rules={load.isSuccess ? draft.rules.length : undefined}
      onChoose={(id) => load.mutate(id)}
    />
  )
}

function Source(props: {
  readonly label: string
  readonly what: string
  readonly error: Error | null
  readonly options: readonly { readonly value: string; readonly label: string }[]
  /** How many the chosen one has; undefined until one is chosen. */
  readonly rules: number | undefined
  readonly onChoose: (value: string) => void
}): ReactNode {
  const { label, what, error, options, rules, onChoose } = props
  const [chosen, setChosen] = useState<string>()
  return (
    <>
      {error !== null && <Problem error={error} what={what} />}
      <FormField
        label={label}
        stretch
        constraintText={rules !== undefined && `${count(rules, 'rule')} to look through in the next step.`}
      >
        <Select
          selectedOption={options.find(({ value }) => value === chosen) ?? null}
          options={options}
          placeholder="Choose one"
          empty="There is none."
          onChange={({ detail }) => {
            const value = detail.selectedOption.value ?? ''
            setChosen(value)
            onChoose(value)
          }}
        />
      </FormField>
    </>
  )
}
