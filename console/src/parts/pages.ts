import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation, useSearchParams } from 'react-router'
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

/** Where in a list one is: the tokens of the pages up to this one, as far as they are known, and this one's. */
interface Place {
  /** From 1. */
  readonly number: number
  readonly tokens: readonly (string | undefined)[]
}

const FIRST: Place = { number: 1, tokens: [undefined] }

/**
 * A list within a screen, such as one of several.
 *
 * @param every How often to ask again, in milliseconds; the browser asks for nothing while nobody looks.
 */
export function usePages<T>(
  key: readonly unknown[],
  fetchPage: (token: string | undefined) => Promise<Page<T>>,
  every?: number,
): Pages<T> {
  const about = JSON.stringify(key)
  const [kept, keep] = useState({ about, place: FIRST })
  const place = kept.about === about ? kept.place : FIRST
  return usePagesAt(key, fetchPage, every, place, (next) => keep({ about, place: next }))
}

/**
 * The list that a screen is about: its page is in the address, so that a link leads to the same page and the browser's way back to the
 * page before. It takes `page` and `token` of the query; filters that change take them away.
 *
 * @param every How often to ask again, in milliseconds.
 */
export function useLinkedPages<T>(
  key: readonly unknown[],
  fetchPage: (token: string | undefined) => Promise<Page<T>>,
  every?: number,
): Pages<T> {
  const [query, setQuery] = useSearchParams()
  const state = useLocation().state as { readonly tokens?: Place['tokens'] } | null
  const token = query.get('token') ?? undefined
  const number = token === undefined ? 1 : Math.max(2, Number(query.get('page')) || 2)
  // Who comes by a link knows of no page between the first and this one.
  const tokens = state?.tokens?.at(-1) === token ? state?.tokens : undefined
  const place: Place = { number, tokens: tokens ?? [undefined, ...(token === undefined ? [] : [token])] }
  return usePagesAt(key, fetchPage, every, place, (next) =>
    setQuery(
      (before) => {
        const after = withoutPage(before)
        const last = next.tokens.at(-1)
        if (last !== undefined) {
          after.set('page', String(next.number))
          after.set('token', last)
        }
        return after
      },
      { state: { tokens: next.tokens } },
    ),
  )
}

/** The first page of the same list. */
export function withoutPage(query: URLSearchParams): URLSearchParams {
  const first = new URLSearchParams(query)
  for (const name of ['page', 'token']) first.delete(name)
  return first
}

function usePagesAt<T>(
  key: readonly unknown[],
  fetchPage: (token: string | undefined) => Promise<Page<T>>,
  every: number | undefined,
  { number, tokens }: Place,
  goTo: (place: Place) => void,
): Pages<T> {
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
    number,
    hasNext: next !== undefined,
    go: (wanted) => {
      if (wanted > number) {
        if (next !== undefined) goTo({ number: number + 1, tokens: [...tokens, next] })
      } else {
        const at = tokens.length - 1 - (number - wanted)
        goTo(wanted > 1 && at > 0 ? { number: wanted, tokens: tokens.slice(0, at + 1) } : FIRST)
      }
    },
    refresh: () => void refetch(),
  }
}
