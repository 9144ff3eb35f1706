import { GetRoleCommand, ListRolesCommand } from '@aws-sdk/client-iam'
import Box from '@cloudscape-design/components/box'
import FormField from '@cloudscape-design/components/form-field'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { usePassableRoles } from './passable-roles.ts'
import type { ChosenRole, PassableRoles } from './passable-roles.ts'
import { Problem } from './problem.tsx'
import { iam } from '../api/iam.ts'
import { queries } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'

/** AWS's name and path of the role that the console makes on first use. */
const DEFAULT_ROLE = 'AWSBackupDefaultServiceRole'

export const defaultRoleArn = (accountId: string): string =>
  `arn:aws:iam::${accountId}:role/service-role/${DEFAULT_ROLE}`

/**
 * The role's ARN, and the default role made where it is used for the first time (or was deleted): with its two managed policies and
 * a trust policy for the backup service, as AWS's console does it.
 */
export async function ensureRole(chosen: ChosenRole, accountId: string): Promise<string> {
  if (chosen === undefined) throw new Error('Choose an IAM role')
  if (chosen !== 'default') return chosen
  // Whoever may not even look for it may still pass it: the call that it is for will say.
  if ((await hasDefaultRole()) !== 'no') return defaultRoleArn(accountId)
  const { RoleArn } = await roleback('CreateDefaultServiceRole', {})
  // The next form must not go on believing that there is none.
  await queries.invalidateQueries({ queryKey: ['default role'] })
  return RoleArn
}

async function hasDefaultRole(): Promise<'yes' | 'no' | 'unknown'> {
  try {
    await iam.send(new GetRoleCommand({ RoleName: DEFAULT_ROLE }))
    return 'yes'
  } catch (error) {
    return (error as Error).name.startsWith('NoSuchEntity') ? 'no' : 'unknown'
  }
}

/** Whether there is a default role; undefined while nobody has answered, `unknown` where the caller may not look. */
export function useHasDefaultRole(): 'yes' | 'no' | 'unknown' | undefined {
  const { data } = useQuery({
    queryKey: ['default role'],
    queryFn: hasDefaultRole,
  })
  return data
}

/**
 * AWS's role control: the default role, or one of the roles that backup may assume. It says at once of which the caller may not pass.
 *
 * @param passedFor As of `useRole`.
 */
export function RoleField({
  label = 'IAM role',
  passedFor,
  value,
  onChange,
}: {
  readonly label?: string
  readonly passedFor?: string | undefined
  readonly value: ChosenRole
  readonly onChange: (value: ChosenRole) => void
}): ReactNode {
  const hasDefault = useHasDefaultRole()
  const isOther = value !== 'default'
  const passable = usePassableRoles(passedFor)
  const roles = useQuery({ queryKey: ['roles for backup'], queryFn: listBackupRoles, enabled: isOther })
  // Whoever may not list roles may still choose of those that he may pass.
  const isUnknown = roles.error !== null && passable === undefined
  return (
    <FormField
      label={label}
      stretch
      description="The identity that the work is done under. It must allow what the resource needs; you must be allowed to pass it."
    >
      <SpaceBetween size="s">
        <RadioGroup
          value={isOther ? 'other' : 'default'}
          onChange={({ detail }) => onChange(detail.value === 'default' ? 'default' : undefined)}
          ariaLabel={label}
          items={[
            {
              value: 'default',
              label: 'Default role',
              description: defaultText(hasDefault, passable),
            },
            { value: 'other', label: 'Choose an IAM role' },
          ]}
        />
        {isOther && isUnknown && <Problem error={roles.error} what="list roles" />}
        {isOther && (
          <Select
            selectedOption={value === undefined ? null : { value, label: value.split('/').at(-1) ?? value }}
            options={optionsOf(roles.data, passable)}
            filteringType="auto"
            placeholder="Choose a role"
            statusType={roles.isPending ? 'loading' : 'finished'}
            loadingText="Loading roles"
            empty={
              <Box>
                {roles.error === null ? 'No role trusts backup.amazonaws.com' : 'You may pass no role'}
              </Box>
            }
            selectedAriaLabel="Selected"
            ariaLabel={label}
            onChange={({ detail }) => onChange(detail.selectedOption.value)}
          />
        )}
      </SpaceBetween>
    </FormField>
  )
}

function defaultText(has: ReturnType<typeof useHasDefaultRole>, passable: PassableRoles | undefined): string {
  if (passable?.default === 'refused')
    return has === 'no'
      ? `${DEFAULT_ROLE} is not there yet, and you may not create and pass it.`
      : `You may not pass ${DEFAULT_ROLE} to backup.amazonaws.com (iam:PassRole).`
  return has === 'no'
    ? `${DEFAULT_ROLE} is not there yet: it is created with the permissions that backup and restore need.`
    : `${DEFAULT_ROLE}, with the permissions that backup and restore need.`
}

interface RoleOption {
  readonly value: string
  readonly label: string
  readonly description: string
}

/** Those first that the caller may pass; the others stay in sight, so that he sees what to ask for. */
function optionsOf(
  listed: readonly RoleOption[] | undefined,
  passable: PassableRoles | undefined,
): readonly RoleOption[] {
  if (passable === undefined) return listed ?? []
  const known = new Map((listed ?? []).map((option) => [option.value, option]))
  const own = new Set(passable.arns)
  return [
    ...passable.arns.map(
      (arn) => known.get(arn) ?? { value: arn, label: arn.split('/').at(-1) ?? arn, description: arn },
    ),
    ...(listed ?? [])
      .filter(({ value }) => !own.has(value))
      .map((option) => ({ ...option, description: 'You may not pass it (iam:PassRole)' })),
  ]
}

/** Roles whose trust policy names the backup service. */
async function listBackupRoles(): Promise<RoleOption[]> {
  const found: RoleOption[] = []
  let Marker: string | undefined
  do {
    const page = await iam.send(new ListRolesCommand({ MaxItems: 1000, Marker }))
    for (const { Arn, RoleName, AssumeRolePolicyDocument, Description } of page.Roles ?? []) {
      const trust = decodeURIComponent(AssumeRolePolicyDocument ?? '')
      if (Arn !== undefined && trust.includes('backup.amazonaws.com'))
        found.push({ value: Arn, label: RoleName ?? Arn, description: Description ?? Arn })
    }
    Marker = page.IsTruncated === true ? page.Marker : undefined
  } while (Marker !== undefined)
  return found
}
