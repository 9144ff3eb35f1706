import { DeleteBackupVaultLockConfigurationCommand } from '@aws-sdk/client-backup'
import type { DescribeBackupVaultOutput } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import RadioGroup from '@cloudscape-design/components/radio-group'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { Confirm } from './confirm.tsx'
import { duration, when } from './format.ts'
import { notify } from './notices.tsx'
import { backup, lockVault } from '../api/backup.ts'

/** AWS's least grace time of a compliance lock, in days. */
const MIN_GRACE_DAYS = 3
const MAX_DAYS = 36_500

type Field = 'min' | 'max' | 'grace'
type Slips = Readonly<Partial<Record<Field, string>>>

type Asked = 'set' | 'remove' | undefined

/** A vault's lock: what it keeps, how long it can still be taken away, and setting or removing it by a typed word. */
export function VaultLock({
  vault,
  onChange,
}: {
  readonly vault: DescribeBackupVaultOutput
  readonly onChange: () => void
}): ReactNode {
  const { BackupVaultName: name = '', Locked, LockDate, MinRetentionDays, MaxRetentionDays } = vault
  const [mode, setMode] = useState<'governance' | 'compliance'>(
    LockDate === undefined ? 'governance' : 'compliance',
  )
  const [min, setMin] = useState(MinRetentionDays?.toString() ?? '')
  const [max, setMax] = useState(MaxRetentionDays?.toString() ?? '')
  const [grace, setGrace] = useState(String(MIN_GRACE_DAYS))
  const [asked, setAsked] = useState<Asked>()
  const [warning, setWarning] = useState('')
  const [left, setLeft] = useState<ReadonlySet<Field>>(new Set())
  const slips = slipsOf(min, max, mode === 'compliance' ? grace : undefined)
  const leave = (...fields: readonly Field[]): void => setLeft((before) => new Set([...before, ...fields]))
  const field = (of: Field): { errorText: string | undefined } => ({
    errorText: left.has(of) ? slips[of] : undefined,
  })
  const isForGood = LockDate !== undefined && LockDate.getTime() <= Date.now()
  const input = {
    BackupVaultName: name,
    MinRetentionDays: days(min),
    MaxRetentionDays: days(max),
    ChangeableForDays: mode === 'compliance' ? Number(grace) : undefined,
  }
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Recovery points of a locked vault are kept for their time, whoever asks, the root user too."
          actions={
            Locked === true && !isForGood && <Button onClick={() => setAsked('remove')}>Remove lock</Button>
          }
        >
          Vault lock
        </Header>
      }
    >
      <SpaceBetween size="m">
        {LockDate !== undefined && <Countdown until={LockDate} />}
        {warning !== '' && (
          <Alert type="warning" header="Not all plans would work with this lock">
            {warning}
          </Alert>
        )}
        {!isForGood && (
          <SpaceBetween size="m">
            <RadioGroup
              value={mode}
              ariaLabel="Mode"
              onChange={({ detail }) => setMode(detail.value as 'governance' | 'compliance')}
              items={[
                {
                  value: 'governance',
                  label: 'Governance',
                  description: 'Whoever has the right can remove it again.',
                },
                {
                  value: 'compliance',
                  label: 'Compliance',
                  description: 'After its grace time nobody can remove or change it, ever.',
                },
              ]}
            />
            <FormField
              label="Keep at least (days)"
              description="Backups that are to be kept for less are refused. Empty: for as short as one likes."
              {...field('min')}
            >
              <Input
                value={min}
                inputMode="numeric"
                onBlur={() => leave('min')}
                onChange={({ detail }) => setMin(detail.value)}
              />
            </FormField>
            <FormField
              label="Keep at most (days)"
              description="Empty: for as long as one likes."
              {...field('max')}
            >
              <Input
                value={max}
                inputMode="numeric"
                onBlur={() => leave('max')}
                onChange={({ detail }) => setMax(detail.value)}
              />
            </FormField>
            {mode === 'compliance' && (
              <FormField
                label="Grace time (days)"
                constraintText={`At least ${MIN_GRACE_DAYS} (${MIN_GRACE_DAYS * 24} hours): until then it can be changed or removed.`}
                {...field('grace')}
              >
                <Input
                  value={grace}
                  inputMode="numeric"
                  onBlur={() => leave('grace')}
                  onChange={({ detail }) => setGrace(detail.value)}
                />
              </FormField>
            )}
            <Button
              variant="primary"
              onClick={() => {
                leave('min', 'max', 'grace')
                if (Object.keys(slips).length === 0) setAsked('set')
              }}
            >
              {Locked === true ? 'Change lock' : 'Lock vault'}
            </Button>
          </SpaceBetween>
        )}
      </SpaceBetween>
      {asked === 'set' && (
        <Confirm
          title={`Lock backup vault ${name}`}
          what="lock this vault"
          word="confirm"
          action="Lock vault"
          command={['put-backup-vault-lock-configuration', input]}
          onClose={() => setAsked(undefined)}
          onConfirm={async () => {
            setWarning(await lockVault(input))
            notify(`Backup vault ${name} is locked.`)
            onChange()
          }}
        >
          {mode === 'compliance'
            ? `After ${grace} days nobody can remove this lock or delete what it keeps: not the root user, and not we.`
            : 'Whoever may delete vault lock configurations can remove this lock again.'}
        </Confirm>
      )}
      {asked === 'remove' && (
        <Confirm
          title={`Remove the lock of ${name}`}
          what="remove this lock"
          word="confirm"
          action="Remove lock"
          command={['delete-backup-vault-lock-configuration', { BackupVaultName: name }]}
          onClose={() => setAsked(undefined)}
          onConfirm={async () => {
            await backup.send(new DeleteBackupVaultLockConfigurationCommand({ BackupVaultName: name }))
            setWarning('')
            notify(`The lock of ${name} was removed.`)
            onChange()
          }}
        >
          Recovery points can be deleted before their time again.
        </Confirm>
      )}
    </Container>
  )
}

/** Empty is undefined. */
const days = (text: string): number | undefined => (text.trim() === '' ? undefined : Number(text))

const isDays = (number: number, least: number): boolean =>
  Number.isInteger(number) && number >= least && number <= MAX_DAYS

/** What AWS would refuse, field by field. @param grace Undefined for a lock that has none. */
function slipsOf(min: string, max: string, grace: string | undefined): Slips {
  const [least, most] = [days(min), days(max)]
  const whole = `A whole number of days from 1 to ${MAX_DAYS.toLocaleString()}.`
  const isMinWrong = least !== undefined && !isDays(least, 1)
  const isMaxWrong = most !== undefined && !isDays(most, 1)
  const isCrossed = !isMinWrong && !isMaxWrong && least !== undefined && most !== undefined && least > most
  const crossed = `It keeps at least ${least ?? 0} days: this cannot be less.`
  return {
    ...(isMinWrong && { min: whole }),
    ...((isMaxWrong || isCrossed) && { max: isCrossed ? crossed : whole }),
    ...(grace !== undefined &&
      !isDays(days(grace) ?? 0, MIN_GRACE_DAYS) && {
        grace: `A whole number of days from ${MIN_GRACE_DAYS} to ${MAX_DAYS.toLocaleString()}.`,
      }),
  }
}

function Countdown({ until }: { readonly until: Date }): ReactNode {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  const left = until.getTime() - now
  if (left <= 0) return <Alert type="success">Locked for good since {when(until)}.</Alert>
  return (
    <Alert type="warning" header={`For good in ${duration(left)}`}>
      Until {when(until)} the lock can still be changed or removed.
    </Alert>
  )
}
