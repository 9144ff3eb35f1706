import { StopBackupJobCommand } from '@aws-sdk/client-backup'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { awsCommand, rolebackCommand } from './aws-command.tsx'
import { FormDialog } from './form-dialog.tsx'
import { notify } from './notices.tsx'

/** A job that may be stopped, and what of it is on the screen. */
interface StopJobProps {
  readonly id: string
  /** As `JobType` of DescribeJob; `restore` for a test, too. */
  readonly type: string | undefined
  /** In a row, where the button says which job it is about to those who only hear it. */
  readonly isInRow?: boolean
  readonly onStopped: () => void
}

/** What stays behind of each type that can be stopped. */
const STAYS: Readonly<Record<string, string>> = {
  backup: 'No recovery point is made of it. The next backup reads anew what this one had read.',
  copy: 'No copy is made. What it has stored by now is freed by the next sweep of the destination vault.',
  restore:
    'A new directory or database that is half restored is removed, if the role may; in a bucket the objects that were written stay. Its message will tell what is left, and where. Of a restore test, what it made is deleted.',
  verify: 'What it has read by now counts for nothing, and damage that it met is not told.',
  repair: 'What it has stored again by now is whole; the rest stays damaged until the next repair.',
  sweep: 'What it has freed by now is freed; the next sweep frees the rest.',
  export: 'Snapshots that are whole stay in the repository; the one under way is not finished.',
  import: 'Recovery points that are whole stay; the others are not made.',
}

const UNENDED = new Set(['CREATED', 'PENDING', 'RUNNING'])

export function canStop(type: string | undefined, state: string | undefined): boolean {
  return type !== undefined && STAYS[type] !== undefined && UNENDED.has(state ?? '')
}

/** Asks whether a job is to be stopped, and says before what is left of it then. */
export function StopJob({ id, type = '', isInRow = false, onStopped }: StopJobProps): ReactNode {
  const [isAsking, setIsAsking] = useState(false)
  const stop = async (): Promise<void> => {
    if (type === 'backup') await backup.send(new StopBackupJobCommand({ BackupJobId: id }))
    else await roleback('StopJob', { JobId: id })
    notify('The job is asked to stop.', 'info')
    onStopped()
  }
  return (
    <>
      <Button
        variant={isInRow ? 'inline-link' : 'normal'}
        ariaLabel={isInRow ? `Stop job ${id.slice(0, 8)}` : 'Stop'}
        onClick={() => setIsAsking(true)}
      >
        Stop
      </Button>
      {isAsking && (
        <FormDialog
          title={`Stop the ${type} job ${id.slice(0, 8)}?`}
          what="stop this job"
          action="Stop it"
          isReady
          command={
            type === 'backup'
              ? awsCommand('backup', 'stop-backup-job', { BackupJobId: id })
              : rolebackCommand(['job', 'stop', id], {})
          }
          onSubmit={stop}
          onClose={() => setIsAsking(false)}
        >
          <Box>{STAYS[type]}</Box>
        </FormDialog>
      )}
    </>
  )
}
