import {
  CreateRestoreTestingSelectionCommand,
  DeleteRestoreTestingSelectionCommand,
} from '@aws-sdk/client-backup'
import type { RestoreTestingSelectionForCreate } from '@aws-sdk/client-backup'
import FormField from '@cloudscape-design/components/form-field'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { SELECTABLE } from './assignments/draft.ts'
import type { Chosen, Selectable } from './assignments/draft.ts'
import { ResourceChoice } from './assignments/resource-choice.tsx'
import { NumberField } from './plan-builder/lifecycle-fields.tsx'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { typeName } from '../parts/format.ts'
import { FormDialog } from '../parts/form-dialog.tsx'
import { NameField, isName } from '../parts/name-field.tsx'
import { notify } from '../parts/notices.tsx'
import { RoleField, defaultRoleArn, ensureRole } from '../parts/role-field.tsx'
import { useRole } from '../parts/passable-roles.ts'
import type { ChosenRole } from '../parts/passable-roles.ts'
import { Validators, areReady, validatorOf, validatorsCommand } from '../parts/validators.tsx'
import type { Draft as ValidatorDraft } from '../parts/validators.tsx'
import { useSession } from '../session/session.ts'

/** Which resources of a type a restore testing plan tests, under which role, and what it must find. */
export interface SelectionDraft {
  readonly type: Selectable
  readonly resources: 'all' | readonly Chosen[]
  readonly role: ChosenRole
  /** So long what was restored stays to be looked at; undefined: it goes as soon as there is a verdict. */
  readonly keptHours: number | undefined
  readonly validators: readonly ValidatorDraft[]
}

const NEW_SELECTION: Omit<SelectionDraft, 'role'> = {
  type: 'EFS',
  resources: 'all',
  keptHours: undefined,
  validators: [],
}

/**
 * One that is not there yet.
 *
 * @param plan Its plan's ARN, if that is there.
 */
export function useSelectionDraft(
  plan: string | undefined,
): readonly [draft: SelectionDraft, onChange: (draft: SelectionDraft) => void] {
  const [draft, setDraft] = useState(NEW_SELECTION)
  const [role, setRole] = useRole(plan)
  return [
    { ...draft, role },
    (next) => {
      setDraft(next)
      if (next.role !== role) setRole(next.role)
    },
  ]
}

export const isSelectionReady = ({ resources, role, validators }: SelectionDraft): boolean =>
  resources.length > 0 && role !== undefined && areReady(validators)

const TYPES = SELECTABLE.map((value) => ({ value, label: typeName(value) }))

function selectionOfDraft(
  name: string,
  { type, resources, keptHours }: SelectionDraft,
  IamRoleArn: string,
): RestoreTestingSelectionForCreate {
  return {
    RestoreTestingSelectionName: name,
    ProtectedResourceType: type,
    ProtectedResourceArns: resources === 'all' ? ['*'] : resources.map(({ arn }) => arn),
    IamRoleArn,
    ...(keptHours !== undefined && { ValidationWindowHours: keptHours }),
  }
}

export function selectionCommand(
  plan: string,
  name: string,
  draft: SelectionDraft,
  accountId: string,
): string {
  const roleArn = draft.role === 'default' ? defaultRoleArn(accountId) : (draft.role ?? '')
  return [
    awsCommand('backup', 'create-restore-testing-selection', {
      RestoreTestingPlanName: plan,
      RestoreTestingSelection: selectionOfDraft(name, draft, roleArn),
    }),
    ...(draft.validators.length === 0 ? [] : [validatorsCommand(plan, name, draft.validators)]),
  ].join('\n')
}

/**
 * With its validators, or not at all: what is wrong is mended in the form and tried again under the same name.
 * @returns What the server warns of.
 */
export async function createSelection(
  RestoreTestingPlanName: string,
  name: string,
  draft: SelectionDraft,
  accountId: string,
): Promise<readonly string[]> {
  const RestoreTestingSelection = selectionOfDraft(name, draft, await ensureRole(draft.role, accountId))
  const names = { RestoreTestingPlanName, RestoreTestingSelectionName: name }
  await backup.send(
    new CreateRestoreTestingSelectionCommand({ RestoreTestingPlanName, RestoreTestingSelection }),
  )
  if (draft.validators.length === 0) return []
  try {
    const { Warnings } = await roleback('PutRestoreTestValidators', {
      ...names,
      Validators: draft.validators.map(validatorOf),
    })
    return Warnings ?? []
  } catch (failure) {
    await backup.send(new DeleteRestoreTestingSelectionCommand(names))
    throw failure
  }
}

export function SelectionFields({
  plan,
  draft,
  onChange,
}: {
  /** As of `useSelectionDraft`. */
  readonly plan: string | undefined
  readonly draft: SelectionDraft
  readonly onChange: (draft: SelectionDraft) => void
}): ReactNode {
  const { type, resources, role, keptHours, validators } = draft
  return (
    <SpaceBetween size="m">
      <FormField label="What">
        <Select
          selectedOption={TYPES.find(({ value }) => value === type) ?? null}
          options={TYPES}
          onChange={({ detail }) =>
            onChange({
              ...draft,
              type: detail.selectedOption.value as Selectable,
              resources: resources === 'all' ? 'all' : [],
              validators: [],
            })
          }
        />
      </FormField>
      <FormField label="Which of them" stretch>
        <SpaceBetween size="s">
          <RadioGroup
            value={resources === 'all' ? 'all' : 'chosen'}
            ariaLabel="Which of them"
            onChange={({ detail }) => onChange({ ...draft, resources: detail.value === 'all' ? 'all' : [] })}
            items={[
              { value: 'all', label: 'All that have recovery points, also later ones' },
              { value: 'chosen', label: 'Those that I choose' },
            ]}
          />
          {resources !== 'all' && (
            <ResourceChoice
              label="Chosen resources"
              type={type}
              chosen={resources}
              onChange={(chosen) => onChange({ ...draft, resources: chosen })}
            />
          )}
        </SpaceBetween>
      </FormField>
      <RoleField
        label="Restore role"
        passedFor={plan}
        value={role}
        onChange={(next) => onChange({ ...draft, role: next })}
      />
      <NumberField
        label="Keep what was restored for (hours, optional)"
        description="So long it can be looked at, 1 to 168. Empty: it goes once there is a verdict."
        value={keptHours}
        onChange={(next) => onChange({ ...draft, keptHours: next })}
      />
      <Validators
        type={type}
        drafts={validators}
        onChange={(next) => onChange({ ...draft, validators: next })}
      />
    </SpaceBetween>
  )
}

export function AddSelection({
  plan,
  arn,
  onClose,
}: {
  readonly plan: string
  /** Of the plan. */
  readonly arn: string | undefined
  readonly onClose: () => void
}): ReactNode {
  const { accountId } = useSession()
  const [name, setName] = useState('')
  const [draft, setDraft] = useSelectionDraft(arn)
  return (
    <FormDialog
      title="Add resources"
      what="add resources to this restore testing plan"
      action="Add resources"
      isReady={isName('testingPlan', name) && isSelectionReady(draft)}
      command={selectionCommand(plan, name, draft, accountId)}
      onClose={onClose}
      onSubmit={async () => {
        const warnings = await createSelection(plan, name, draft, accountId)
        notify(`${name} is tested by ${plan}.`)
        for (const warning of warnings) notify(warning, 'warning')
      }}
    >
      <NameField kind="testingPlan" value={name} onChange={setName} />
      <SelectionFields plan={arn} draft={draft} onChange={setDraft} />
    </FormDialog>
  )
}
