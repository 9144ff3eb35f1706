import SpaceBetween from '@cloudscape-design/components/space-between'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { plansPage } from './resource-plans.tsx'
import type { Resource } from '../api/generated.ts'
import { queries } from '../api/queries.ts'
import { allPages, roleback } from '../api/roleback.ts'
import { rolebackCommand } from '../parts/aws-command.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { notify } from '../parts/notices.tsx'

/** Plans that are asked whether they back it up. */
const MAX_PLANS = 100

/** The question before a resource is forgotten: what ends with it, and what does not. */
export function RemoveResource({
  resource,
  onClose,
}: {
  readonly resource: Resource
  readonly onClose: () => void
}): ReactNode {
  const navigate = useNavigate()
  const { ResourceArn: arn } = resource
  const name = resource.DisplayName
  return (
    <Confirm
      title={`Remove ${name}`}
      what="remove this resource"
      word="remove"
      action="Remove resource"
      command={rolebackCommand(['resource', 'remove', arn], {})}
      onClose={onClose}
      onConfirm={async () => {
        await roleback('DeregisterResource', { ResourceArn: arn })
        queries.removeQueries({ queryKey: ['resource', arn] })
        await queries.invalidateQueries({ queryKey: ['resources'] })
        notify(`${name} was removed; its recovery points stay.`)
        await navigate('/resources')
      }}
    >
      <SpaceBetween size="xs">
        <div>
          The server forgets how it is reached, its secret included. Nothing is deleted at the source, and its
          recovery points stay: they expire as their lifecycles say, and can be restored until then.
        </div>
        <EndingPlans arn={arn} />
        {resource.ResourceType === 'EFS' && (
          <div>
            Registered again it gets another ARN: policies and plans that name this one do not meet it.
          </div>
        )}
      </SpaceBetween>
    </Confirm>
  )
}

function EndingPlans({ arn }: { readonly arn: string }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['plans that end with', arn],
    queryFn: async () =>
      await allPages(
        async (token) => {
          const { rows, next: NextToken } = await plansPage(arn, token)
          return { rows, NextToken }
        },
        ({ rows }) => rows,
        MAX_PLANS,
      ),
  })
  if (error !== null) return 'Plans that select it back it up no more. Which these are you may not see.'
  if (data === undefined) return 'Plans that select it back it up no more.'
  const ending = data.rows.filter(({ isSelected }) => isSelected).map(({ name }) => name)
  if (ending.length === 0 && data.isWhole) return 'No backup plan backs it up.'
  const rest = data.isWhole ? '' : ', and there are more plans that were not asked'
  return `Backed up no more by ${ending.join(', ') || 'any plan that selects it'}${rest}.`
}
