import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { labelOf, nameOf } from './format.ts'
import { Link, resourcePath } from './link.tsx'
import { allPages, roleback } from '../api/roleback.ts'

/** Resources whose names are known here; what lies beyond them is called by its id. */
const MAX_NAMED = 1_000
const FRESH_MS = 60_000

/** What people call the registered resources, by ARN. Empty for whoever may not list them. */
export function useResourceNames(): ReadonlyMap<string, string> {
  const { data } = useQuery({
    queryKey: ['resource names'],
    queryFn: async () => {
      const { rows } = await allPages(
        async (NextToken) =>
          await roleback('ListResources', { MaxResults: 500, ...(NextToken !== undefined && { NextToken }) }),
        (page) => page.Resources,
        MAX_NAMED,
      )
      return new Map(rows.map((one) => [one.ResourceArn, labelOf(one)]))
    },
    staleTime: FRESH_MS,
  })
  return data ?? NONE
}

const NONE: ReadonlyMap<string, string> = new Map()

/** A resource by its name, which leads to it. */
export function ResourceLink({ arn }: { readonly arn: string | undefined }): ReactNode {
  const names = useResourceNames()
  if (arn === undefined) return '–'
  return <Link to={resourcePath(arn)}>{names.get(arn) ?? nameOf(arn)}</Link>
}
