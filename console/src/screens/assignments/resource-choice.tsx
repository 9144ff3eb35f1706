import Multiselect from '@cloudscape-design/components/multiselect'
import type { MultiselectProps } from '@cloudscape-design/components/multiselect'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Chosen, Selectable } from './draft.ts'
import { roleback } from '../../api/roleback.ts'
import { typeName } from '../../parts/format.ts'

const PER_PAGE = 50
/** Names that stay in sight of many that were chosen. */
const SHOWN = 10

/** Registered resources to choose from, found by their name: the server looks for them, a page at a time. */
export function ResourceChoice({
  label,
  type,
  chosen,
  onChange,
}: {
  readonly label: string
  /** Undefined: of every type. */
  readonly type: Selectable | undefined
  readonly chosen: readonly Chosen[]
  readonly onChange: (chosen: readonly Chosen[]) => void
}): ReactNode {
  const [asked, setAsked] = useState<string>()
  const { data, error, isFetching, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: ['resources to choose from', type, asked],
    queryFn: async ({ pageParam }) => await optionsPage(type, asked ?? '', pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
    enabled: asked !== undefined,
  })
  return (
    <Multiselect
      ariaLabel={label}
      selectedOptions={chosen.map(({ arn, name }) => ({ value: arn, label: name, description: arn }))}
      onChange={({ detail }) =>
        onChange(detail.selectedOptions.map(({ value = '', label: name = value }) => ({ arn: value, name })))
      }
      options={data?.pages.flatMap(({ options }) => options) ?? []}
      filteringType="manual"
      filteringPlaceholder="Find by name"
      filteringAriaLabel="Find by name"
      virtualScroll
      tokenLimit={SHOWN}
      placeholder="Choose resources"
      selectedAriaLabel="Selected"
      deselectAriaLabel={({ label: name = '' }) => `Remove ${name}`}
      i18nStrings={{ tokenLimitShowMore: 'Show all', tokenLimitShowFewer: 'Show fewer' }}
      statusType={statusOf(error, isFetching || asked === undefined, hasNextPage)}
      loadingText="Looking for resources"
      errorText={error?.message ?? ''}
      recoveryText="Try again"
      empty={asked === '' || asked === undefined ? 'None is registered.' : 'None has this name.'}
      onLoadItems={({ detail: { filteringText, firstPage, samePage } }) => {
        setAsked(filteringText)
        if (samePage) void refetch()
        else if (!firstPage) void fetchNextPage()
      }}
    />
  )
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
  type: Selectable | undefined,
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
