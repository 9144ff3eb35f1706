import { dropCaches, measure, say } from './measure.ts'
import type { Figure } from './measure.ts'

/**
 * What the disk and the kernel take for a tree that is not in memory, with programs of C, many at a time, that do nothing with what
 * they get: what cold figures can come near to at best. Two of their figures count: looking at all that is there (an unchanged
 * backup must), and reading all of it (a first one must). Why an unchanged backup is not nearer: docs/adr/0002-own-vault-format.md.
 */
const AT_ONCE = 16
/** `-size` has find ask for the status of each file. The upper folders go first, one after the other: those below are handed out. */
const LOOK = `find "$0" -maxdepth 3 -size 0 > /dev/null
find "$0" -mindepth 3 -maxdepth 3 -type d -print0 |
  xargs -0 -r -P ${AT_ONCE} -n 8 sh -c 'find "$@" -size 0 > /dev/null' sh`
const READ = `find "$0" -type f -print0 | xargs -0 -r -P ${AT_ONCE} -n 256 cat > /dev/null`

export async function sayColdLimit(title: string, path: string): Promise<void> {
  const looked = await coldly(LOOK, path)
  const read = await coldly(READ, path)
  const figure = ({ seconds, cpuSeconds }: Figure): string =>
    `${seconds.toFixed(2)} s, CPU ${cpuSeconds.toFixed(2)} s`
  say(
    `${title}, ${AT_ONCE} programs at a time: looking at everything ${figure(looked)}; reading everything ${figure(read)}`,
  )
}

async function coldly(script: string, path: string): Promise<Figure> {
  if (!(await dropCaches())) throw new Error('Only root can empty the page cache')
  return await measure({ program: 'sh', args: ['-c', script, path] })
}
