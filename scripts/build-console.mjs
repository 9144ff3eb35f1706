// Builds the console in a folder of its own and puts it into place whole: two starts, or two runs of the tests, may build at
// once, and a server that starts meanwhile reads the one or the other, never half of one.
import { spawnSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)
const folder = join(root, 'console')
const dist = join(folder, 'dist')
const fresh = join(folder, `dist.${process.pid}`)
const before = join(folder, `dist.${process.pid}.before`)

const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
const args = [vite, 'build', '--logLevel', 'error', '--outDir', fresh, '--emptyOutDir']
const { status } = spawnSync(process.execPath, args, { cwd: folder, stdio: ['ignore', 2, 2] })
try {
  if (status !== 0) process.exitCode = 1
  else {
    moved(dist, before, 'ENOENT')
    // Another one has put its own there in this moment: as good as ours.
    moved(fresh, dist, 'ENOTEMPTY', 'EEXIST')
  }
} finally {
  for (const left of [fresh, before]) rmSync(left, { recursive: true, force: true })
}

function moved(from, to, ...ignored) {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!ignored.includes(error.code)) throw error
  }
}
