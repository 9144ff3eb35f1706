import { ListProtectedResourcesCommand } from '@aws-sdk/client-backup'
import Box from '@cloudscape-design/components/box'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { nameOf, when } from './format.ts'
import { Link, resourcePath } from './link.tsx'
import { isDenied } from './problem.tsx'
import { backup } from '../api/backup.ts'
import { allPages, roleback } from '../api/roleback.ts'

/** Resources whose names are asked for together; those beyond are asked for one by one where they are shown. */
const MAX_NAMED = 1_000
/** Somebody may rename one meanwhile; so long moving between screens asks no more often. */
const FRESH_MS = 10_000

/**
 * What people call a registered resource; its id for whoever may not know, and where it is registered no more. Whoever has AWS's rights
 * alone is told by AWS's list of what was backed up.
 * @param called What an answer of AWS's that holds the ARN calls it: whoever may not look at resources may read that.
 */
export function useResourceName(arn: string | undefined, called?: string): string {
  const { data, error } = useQuery({
    queryKey: ['resource names'],
    queryFn: async () => {
      const { rows, isWhole } = await allPages(
        async (NextToken) =>
          await roleback('ListResources', { MaxResults: 500, ...(NextToken !== undefined && { NextToken }) }),
        (page) => page.Resources,
        MAX_NAMED,
      )
      return { names: new Map(rows.map((one) => [one.ResourceArn, one.DisplayName])), isWhole }
    },
    staleTime: FRESH_MS,
    enabled: called === undefined,
  })
  const known = data?.names.get(arn ?? '')
  const backedUp = useQuery({
    queryKey: ['names of backed up resources'],
    queryFn: async () => {
      const { rows } = await allPages(
        async (NextToken) =>
          await backup.send(new ListProtectedResourcesCommand({ MaxResults: MAX_NAMED, NextToken })),
        (page) => page.Results,
        MAX_NAMED,
      )
      return new Map(rows.map((one) => [one.ResourceArn, one.ResourceName]))
    },
    staleTime: FRESH_MS,
    enabled: called === undefined && isDenied(error),
  })
  const own = useQuery({
    queryKey: ['resource name', arn],
    queryFn: async () =>
      (await roleback('DescribeResource', { ResourceArn: arn ?? '' })).Resource.DisplayName,
    staleTime: FRESH_MS,
    enabled: called === undefined && arn !== undefined && data?.isWhole === false && known === undefined,
  })
  return called ?? known ?? own.data ?? backedUp.data?.get(arn) ?? nameOf(arn)
}

/** A resource as people call it. */
export function ResourceName({
  arn,
  called,
}: {
  readonly arn: string
  readonly called?: string | undefined
}): ReactNode {
  return useResourceName(arn, called)
}

/** A resource by its name, which leads to it. @param called As of `useResourceName`. */
export function ResourceLink({
  arn,
  called,
}: {
  readonly arn: string | undefined
  readonly called?: string | undefined
}): ReactNode {
  if (arn === undefined) return '–'
  return (
    <Link to={resourcePath(arn)}>
      <ResourceName arn={arn} called={called} />
    </Link>
  )
}

/** Below the name of what a restore made. @param of What the recovery point is of; undefined where it is gone. */
export function RestoredFrom({
  of,
  at,
}: {
  readonly of: string | undefined
  readonly at: Date | undefined
}): ReactNode {
  return (
    <Box variant="small" display="block">
      {of === undefined ? (
        'Restored'
      ) : (
        <>
          Restored from <ResourceName arn={of} />
        </>
      )}{' '}
      at {when(at)}
    </Box>
  )
}
