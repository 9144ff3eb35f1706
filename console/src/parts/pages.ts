import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { untilRefused } from '../api/queries.ts'

/** One page of a list that the server cuts: what is shown never grows with what there is. */
export interface Page<T> {
  readonly rows: readonly T[]
  readonly next: string | undefined
}

export interface Pages<T> {
  readonly rows: readonly T[]
  readonly isLoading: boolean
  readonly error: Error | null
  /** From 1. */
  readonly number: number
  readonly hasNext: boolean
  readonly go: (number: number) => void
  readonly refresh: () => void
}

/** @param every How often to ask again, in milliseconds; the browser asks for nothing while nobody looks. */
export function usePages<T>(
  key: readonly unknown[],
  fetchPage: (token: string | undefined) => Promise<Page<T>>,
  every?: number,
): Pages<T> {
  const about = JSON.stringify(key)
  const [place, setPlace] = useState({ about, tokens: [undefined] as (string | undefined)[] })
  const tokens = place.about === about ? place.tokens : [undefined]
  const token = tokens.at(-1)
  const { data, error, isPending, isPlaceholderData, refetch } = useQuery({
    queryKey: [...key, 'page', token ?? ''],
    queryFn: async () => await fetchPage(token),
    placeholderData: keepPreviousData,
    refetchInterval: untilRefused(every ?? false),
  })
  // Until a page is there, the one before it is shown, and what followed that one is this page itself.
  const next = isPlaceholderData ? undefined : data?.next
  return {
    rows: data?.rows ?? [],
    isLoading: isPending,
    error,
    number: tokens.length,
    hasNext: next !== undefined,
    go: (number) => {
      if (number <= tokens.length) setPlace({ about, tokens: tokens.slice(0, Math.max(1, number)) })
      else if (next !== undefined) setPlace({ about, tokens: [...tokens, next] })
    },
    refresh: () => void refetch(),
  }
}
