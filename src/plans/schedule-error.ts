/** A schedule that cannot be read; the message ends a sentence that names the expression. */
export class ScheduleError extends Error {
  override name = 'ScheduleError'
}
