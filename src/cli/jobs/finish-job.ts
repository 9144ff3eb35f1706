import type { Call } from '../../aws/client.ts'
import { followJob, progressOutput } from './follow-job.ts'
import { jobFacts } from './job.ts'
import { factsOf, say, sayJson } from '../output.ts'
import { CommandError } from '../report.ts'

/** Waits for the job's end and prints it. @throws {CommandError} Where it did not end well. */
export async function finishJob(
  call: Call,
  jobId: string,
  label: string,
  options: { readonly json?: boolean },
): Promise<void> {
  const isJson = options.json === true
  const job = await followJob(call, jobId, label, progressOutput(isJson))
  if (isJson) sayJson(job)
  else if (job.State === 'COMPLETED') say(factsOf({ ...jobFacts(job), message: undefined }))
  if (job.State !== 'COMPLETED') {
    throw new CommandError(
      `Job ${job.JobId} ended ${job.State}: ${(job.StatusMessage ?? 'no reason was given').replace(/[.?]$/, '')}. "roleback job show ${job.JobId}" shows the whole job, "roleback job decisions ${job.JobId}" what it asked for`,
    )
  }
}
