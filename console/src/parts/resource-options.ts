import type { MultiselectProps } from '@cloudscape-design/components/multiselect'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { typeName } from './format.ts'
import type { ResourceProtection } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'

const PER_PAGE = 50

/** What a Select or Multiselect is given so that registered resources are chosen in it. */
type ResourceOptions = Pick<
  MultiselectProps,
  'empty' | 'errorText' | 'loadingText' | 'onLoadItems' | 'recoveryText' | 'statusType'
> & {
  readonly options: readonly MultiselectProps.Option[]
  readonly filteringType: 'manual'
  readonly filteringPlaceholder: string
  readonly filteringAriaLabel: string
  readonly virtualScroll: true
}

/**
 * Registered resources to choose from, found by their name: the server looks for them, a page at a time.
 * @param type Undefined: of every type.
 */
export function useResourceOptions(type: ResourceProtection['ResourceType'] | undefined): ResourceOptions {
  const [asked, setAsked] = useState<string>()
  const { data, error, isFetching, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: ['resources to choose from', type, asked],
    queryFn: async ({ pageParam }) => await optionsPage(type, asked ?? '', pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
    enabled: asked !== undefined,
  })
  return {
    options: data?.pages.flatMap(({ options }) => options) ?? [],
    filteringType: 'manual',
    filteringPlaceholder: 'Find by name',
    filteringAriaLabel: 'Find by name',
    virtualScroll: true,
    statusType: statusOf(error, isFetching || asked === undefined, hasNextPage),
    loadingText: 'Looking for resources',
    errorText: error?.message ?? '',
    recoveryText: 'Try again',
    empty: asked === '' || asked === undefined ? 'None is registered.' : 'None has this name.',
    onLoadItems: ({ detail: { filteringText, firstPage, samePage } }) => {
      setAsked(filteringText)
      if (samePage) void refetch()
      else if (!firstPage) void fetchNextPage()
    },
  }
}

function statusOf(
  error: Error | null,
  isLoading: boolean,
  hasNext: boolean,
): NonNullable<MultiselectProps['statusType']> {
  if (isLoading) return 'loading'
  if (error !== null) return 'error'
  return hasNext ? 'pending' : 'finished'
}

interface OptionsPage {
  readonly options: readonly MultiselectProps.Option[]
  readonly next: string | undefined
}

/** A page of a search may be empty though others follow. */
async function optionsPage(
  type: ResourceProtection['ResourceType'] | undefined,
  name: string,
  token: string | undefined,
): Promise<OptionsPage> {
  let next = token
  for (;;) {
    const { Resources, NextToken } = await roleback('ListResources', {
      MaxResults: PER_PAGE,
      ...(type !== undefined && { ResourceType: type }),
      ...(name !== '' && { NameContains: name }),
      ...(next !== undefined && { NextToken: next }),
    })
    const options = Resources.map((one) => ({
      value: one.ResourceArn,
      label: one.DisplayName,
      description: one.ResourceArn,
      ...(type === undefined && { labelTag: typeName(one.ResourceType) }),
    }))
    if (options.length > 0 || NextToken === undefined) return { options, next: NextToken }
    next = NextToken
  }
}
