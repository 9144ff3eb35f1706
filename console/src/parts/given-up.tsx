import Alert from '@cloudscape-design/components/alert'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { count } from './format.ts'
import { Link } from './link.tsx'
import { untilRefused } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'

const UNASKED_MS = 30_000

/** Says that somebody was not told what he was to be told; nothing for who may not ask. */
export function GivenUp(): ReactNode {
  const { data: targets = [] } = useQuery({
    queryKey: ['given up'],
    queryFn: async () =>
      (await roleback('ListEventTargets', {})).EventTargets.filter(
        ({ MessagesGivenUp = 0 }) => MessagesGivenUp > 0,
      ),
    refetchInterval: untilRefused(UNASKED_MS),
    retry: false,
  })
  if (targets.length === 0) return undefined
  const messages = targets.reduce((all, { MessagesGivenUp = 0 }) => all + MessagesGivenUp, 0)
  return (
    <Alert
      type="warning"
      header={`${count(messages, 'notification was', 'notifications were')} given up: nobody took ${messages === 1 ? 'it' : 'them'}`}
    >
      Not told: {targets.map(({ Name }) => Name).join(', ')}. See{' '}
      <Link to="/settings?tab=notifications">Notifications</Link> for why, and to try again.
    </Alert>
  )
}
