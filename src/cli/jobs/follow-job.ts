import { setTimeout as pause } from 'node:timers/promises'
import type { Call } from '../../aws/client.ts'
import type { Job } from '../../aws/generated/roleback.ts'
import { printable } from '../../lib/log.ts'
import { humanBytes } from '../output.ts'

/** Where progress goes: one line that is written over on a terminal, else a line whenever something changed. */
export interface ProgressOutput {
  readonly isTerminal: boolean
  write(text: string): void
}

const POLL_MS = 200
/** Without a terminal there is a line at most so often, in milliseconds, unless the state changes. */
const LINE_EVERY_MS = 5_000

const ENDED: ReadonlySet<string> = new Set(['COMPLETED', 'PARTIAL', 'FAILED', 'ABORTED', 'EXPIRED'])

/** Waits until the job has ended, in whatever state, and tells of its progress meanwhile. */
export async function followJob(
  call: Call,
  jobId: string,
  label: string,
  output: ProgressOutput | undefined,
  signal?: AbortSignal,
): Promise<Job> {
  let told = ''
  let toldAt = 0
  let state = ''
  for (;;) {
    const { Job: job } = await call('roleback', 'DescribeJob', { JobId: jobId }, { signal })
    const isEnded = ENDED.has(job.State)
    const line = progressLine(label, job)
    const isDue = isEnded || job.State !== state || performance.now() - toldAt >= LINE_EVERY_MS
    if (output !== undefined && line !== told && (output.isTerminal || isDue)) {
      output.write(output.isTerminal ? `\r\u001B[2K${line}${isEnded ? '\n' : ''}` : `${line}\n`)
      told = line
      toldAt = performance.now()
      state = job.State
    }
    if (isEnded) return job
    await pause(POLL_MS, undefined, { signal })
  }
}

/** `backup  RUNNING  42%  12 MiB of 28 MiB  310 items`; a failure's reason follows on the same line. */
export function progressLine(label: string, job: Job): string {
  const parts = [label, job.State]
  if (job.State === 'RUNNING' && job.PercentDone !== undefined) parts.push(`${Math.floor(job.PercentDone)}%`)
  if (job.BytesDone !== undefined && (job.BytesDone > 0 || job.State === 'COMPLETED')) {
    const total =
      job.State === 'RUNNING' && job.BytesTotal !== undefined ? ` of ${humanBytes(job.BytesTotal)}` : ''
    parts.push(`${humanBytes(job.BytesDone)}${total}`)
  }
  if (job.ItemsDone !== undefined && job.ItemsDone > 0) parts.push(`${job.ItemsDone} items`)
  if (job.ItemsFailed !== undefined && job.ItemsFailed > 0) parts.push(`${job.ItemsFailed} failed`)
  const message = job.StatusMessage
  return parts.join('  ') + (message === undefined || message === '' ? '' : `: ${printable(message)}`)
}

/** Progress on this process's standard output, or none where machine-readable results are wanted. */
export function progressOutput(isJson: boolean): ProgressOutput | undefined {
  if (isJson) return undefined
  return { isTerminal: process.stdout.isTTY === true, write: (text) => void process.stdout.write(text) }
}
