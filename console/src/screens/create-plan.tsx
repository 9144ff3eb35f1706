import { CreateBackupPlanCommand } from '@aws-sdk/client-backup'
import type { BackupPlanInput } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { PlanPreview } from './plan-preview.tsx'
import { backup } from '../api/backup.ts'
import { AwsCommand, awsCommand } from '../parts/aws-command.tsx'
import { notify } from '../parts/notices.tsx'
import { Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'
import { useSubmit } from '../parts/submit.ts'
import { useVaults } from '../parts/vault-choice.ts'

const SCHEDULES = [
  { value: 'cron(30 0 * * ? *)', label: 'Daily at 00:30' },
  { value: 'cron(0 * * * ? *)', label: 'Hourly' },
  { value: 'cron(30 0 ? * SUN *)', label: 'Weekly on Sunday at 00:30' },
  { value: 'cron(30 0 1 * ? *)', label: 'Monthly on the 1st at 00:30' },
  { value: '', label: 'As I write it' },
]

interface Rule {
  readonly name: string
  readonly vault: string | undefined
  readonly schedule: string
  readonly isCustom: boolean
  readonly zone: string
  readonly days: string
  /** Hours; empty: AWS's eight. */
  readonly startWithin: string
  /** Days; empty: AWS's seven. */
  readonly completeWithin: string
  /** The ARN of a vault that each recovery point is copied into, too. */
  readonly copyTo: string
}

const FIRST: Rule = {
  name: 'daily',
  vault: undefined,
  schedule: 'cron(30 0 * * ? *)',
  isCustom: false,
  zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  days: '35',
  startWithin: '8',
  completeWithin: '7',
  copyTo: '',
}

export function CreatePlan(): ReactNode {
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [rules, setRules] = useState<readonly Rule[]>([FIRST])
  const { data: known = [] } = useVaults()
  const vaults = known.map(({ BackupVaultName: name = '', BackupVaultArn: arn = '' }) => ({ name, arn }))
  const plan = planOf(name, rules, vaults[0]?.name)
  const change = (index: number, part: Partial<Rule>): void =>
    setRules((before) => before.map((rule, at) => (at === index ? { ...rule, ...part } : rule)))
  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const { BackupPlanId: id = '' } = await backup.send(new CreateBackupPlanCommand({ BackupPlan: plan }))
    notify(`Backup plan ${name} was created. Assign resources to it next.`)
    await navigate(`/plans/${encodeURIComponent(id)}/assign`)
  })
  return (
    <Screen title="Create backup plan" above={[['Backup plans', '/plans']]}>
      <form onSubmit={onSubmit}>
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => void navigate('/plans')}>
                Cancel
              </Button>
              <Button variant="primary" loading={isBusy} disabled={name === ''}>
                Create plan
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            {error !== undefined && <Problem error={error} what="create this backup plan" />}
            <Container header={<Header variant="h2">Plan</Header>}>
              <FormField label="Backup plan name" stretch>
                <Input value={name} onChange={({ detail }) => setName(detail.value)} />
              </FormField>
            </Container>
            {rules.map((rule, index) => (
              <RuleForm
                key={index}
                rule={rule}
                title={`Rule ${index + 1}`}
                vaults={vaults}
                onChange={(part) => change(index, part)}
                onRemove={
                  rules.length === 1 ? undefined : () => setRules(rules.filter((_, at) => at !== index))
                }
              />
            ))}
            <Button
              formAction="none"
              iconName="add-plus"
              onClick={() => setRules([...rules, { ...FIRST, name: `rule-${rules.length + 1}` }])}
            >
              Add rule
            </Button>
            <PlanPreview
              rules={rules.map((rule) => ({
                ...rule,
                vault: rule.vault ?? vaults[0]?.name,
                days: rule.days.trim() === '' ? undefined : Number(rule.days),
              }))}
            />
            <AwsCommand command={awsCommand('backup', 'create-backup-plan', { BackupPlan: plan })} />
          </SpaceBetween>
        </Form>
      </form>
    </Screen>
  )
}

function RuleForm({
  rule,
  title,
  vaults,
  onChange,
  onRemove,
}: {
  readonly rule: Rule
  readonly title: string
  readonly vaults: readonly { readonly name: string; readonly arn: string }[]
  readonly onChange: (part: Partial<Rule>) => void
  readonly onRemove: (() => void) | undefined
}): ReactNode {
  const vault = rule.vault ?? vaults[0]?.name
  const schedule = rule.isCustom ? SCHEDULES.at(-1) : SCHEDULES.find(({ value }) => value === rule.schedule)
  const copies = [
    { value: '', label: 'No copy' },
    ...vaults.filter(({ name }) => name !== vault).map(({ name, arn }) => ({ value: arn, label: name })),
  ]
  const number = (
    of: 'completeWithin' | 'days' | 'startWithin',
    label: string,
    description: string,
  ): ReactNode => (
    <FormField label={label} description={description}>
      <Input
        value={rule[of]}
        inputMode="numeric"
        onChange={({ detail }) => onChange({ [of]: detail.value })}
      />
    </FormField>
  )
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            onRemove !== undefined && (
              <Button formAction="none" onClick={onRemove}>
                Remove
              </Button>
            )
          }
        >
          {title}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <FormField label="Name" stretch>
          <Input value={rule.name} onChange={({ detail }) => onChange({ name: detail.value })} />
        </FormField>
        <FormField label="Backup vault" stretch>
          <Select
            selectedOption={vault === undefined ? null : { value: vault, label: vault }}
            options={vaults.map(({ name }) => ({ value: name, label: name }))}
            placeholder="Choose a backup vault"
            empty="No backup vaults. Create one first"
            onChange={({ detail }) => onChange({ vault: detail.selectedOption.value })}
          />
        </FormField>
        <FormField label="How often" stretch>
          <Select
            selectedOption={schedule ?? null}
            options={SCHEDULES}
            onChange={({
              detail: {
                selectedOption: { value = '' },
              },
            }) => onChange(value === '' ? { isCustom: true } : { isCustom: false, schedule: value })}
          />
        </FormField>
        {rule.isCustom && (
          <FormField
            label="Schedule"
            description="cron(minute hour day month weekday year) or rate(number unit)"
            stretch
          >
            <Input value={rule.schedule} onChange={({ detail }) => onChange({ schedule: detail.value })} />
          </FormField>
        )}
        <FormField label="Time zone" stretch>
          <Input value={rule.zone} onChange={({ detail }) => onChange({ zone: detail.value })} />
        </FormField>
        {number('days', 'Total retention period (days)', 'Empty: kept for good.')}
        <FormField label="Copy to destination (optional)" stretch>
          <Select
            selectedOption={copies.find(({ value }) => value === rule.copyTo) ?? null}
            options={copies}
            onChange={({ detail }) => onChange({ copyTo: detail.selectedOption.value ?? '' })}
          />
        </FormField>
        <ExpandableSection headerText="Backup window">
          <SpaceBetween size="m">
            {number('startWithin', 'Start within (hours)', 'A backup that did not start by then expires.')}
            {number('completeWithin', 'Complete within (days)', 'A backup that takes longer is stopped.')}
          </SpaceBetween>
        </ExpandableSection>
      </SpaceBetween>
    </Container>
  )
}

function planOf(name: string, rules: readonly Rule[], firstVault: string | undefined): BackupPlanInput {
  return {
    BackupPlanName: name,
    Rules: rules.map((rule) => {
      const lifecycle = rule.days.trim() === '' ? {} : { Lifecycle: { DeleteAfterDays: Number(rule.days) } }
      return {
        RuleName: rule.name,
        TargetBackupVaultName: rule.vault ?? firstVault,
        ScheduleExpression: rule.schedule,
        ScheduleExpressionTimezone: rule.zone,
        ...(rule.startWithin.trim() !== '' && { StartWindowMinutes: Number(rule.startWithin) * 60 }),
        ...(rule.completeWithin.trim() !== '' && {
          CompletionWindowMinutes: Number(rule.completeWithin) * 1440,
        }),
        ...lifecycle,
        ...(rule.copyTo !== '' && {
          CopyActions: [{ DestinationBackupVaultArn: rule.copyTo, ...lifecycle }],
        }),
      }
    }),
  }
}
