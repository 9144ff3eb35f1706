import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ListPassableRolesOutput } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'

/** `default`, or the ARN of another; undefined: another, not chosen yet. */
export type ChosenRole = string | undefined

export interface PassableRoles {
  /** ARNs. */
  readonly arns: readonly string[]
  readonly default: ListPassableRolesOutput['DefaultRole']
}

/**
 * Which roles one may pass; undefined while nobody has answered, and for whoever may not ask.
 *
 * @param passedFor ARN of what a role is to be passed for, which policies may name; undefined where it is not there yet.
 */
export function usePassableRoles(passedFor: string | undefined): PassableRoles | undefined {
  return useQuery({
    queryKey: ['passable roles', passedFor],
    queryFn: async () => await passableRoles(passedFor),
    refetchOnWindowFocus: false,
  }).data
}

async function passableRoles(AssociatedResourceArn: string | undefined): Promise<PassableRoles> {
  const arns: string[] = []
  let answer: ListPassableRolesOutput
  let NextToken: string | undefined
  do {
    answer = await roleback('ListPassableRoles', { AssociatedResourceArn, MaxResults: 1000, NextToken })
    arns.push(...answer.Roles.map(({ RoleArn }) => RoleArn))
    NextToken = answer.NextToken
  } while (NextToken !== undefined)
  return { arns, default: answer.DefaultRole }
}

/**
 * The role that a form is for: the default role, or what its caller may pass where that is another one; until he chooses.
 *
 * @param given What it was before.
 */
export function useRole(
  passedFor: string | undefined,
  given?: string,
): readonly [role: ChosenRole, setRole: (role: ChosenRole) => void] {
  const [chosen, choose] = useState<{ readonly role: ChosenRole } | undefined>(
    given === undefined ? undefined : { role: given },
  )
  const passable = usePassableRoles(passedFor)
  return [chosen === undefined ? first(passable) : chosen.role, (role) => choose({ role })]
}

function first(passable: PassableRoles | undefined): ChosenRole {
  if (passable === undefined || passable.default !== 'refused') return 'default'
  return passable.arns.length === 1 ? passable.arns[0] : undefined
}
