import { useQuery } from '@tanstack/react-query'
import type { UseQueryOptions } from '@tanstack/react-query'
import type { PreviewScheduleOutput } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { isDenied } from './problem.tsx'

/** As many runs as AWS shows. */
export const RUNS = 10

/** When a schedule would be due next: the same question wherever it is asked. */
export function scheduleQuery(
  expression: string,
  zone: string | undefined,
): UseQueryOptions<PreviewScheduleOutput> {
  return {
    queryKey: ['schedule', expression, zone],
    queryFn: async () =>
      await roleback('PreviewSchedule', {
        ScheduleExpression: expression,
        ...(zone !== undefined && zone !== '' && { ScheduleExpressionTimezone: zone }),
        MaxRuns: RUNS,
      }),
    enabled: expression !== '',
    retry: false,
  }
}

/** What is wrong with a schedule or with its time zone, said at the field that it is of. */
export function useScheduleSlips(
  expression: string,
  zone: string,
): { readonly schedule?: string; readonly zone?: string } {
  const { error } = useQuery(scheduleQuery(expression, zone))
  if (zone !== '' && !isZone(zone)) return { zone: `There is no time zone “${zone}”.` }
  if (expression === '') return { schedule: 'Write when it runs.' }
  // Whoever may not ask is told by what saves it.
  return error === null || isDenied(error) ? {} : { schedule: error.message }
}

function isZone(zone: string): boolean {
  try {
    return Intl.DateTimeFormat(undefined, { timeZone: zone }) instanceof Intl.DateTimeFormat
  } catch {
    return false
  }
}
