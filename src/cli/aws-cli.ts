import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** What is known of the installed aws CLI. */
export type AwsCli =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly output: string }
  | { readonly kind: 'found'; readonly version: string; readonly knowsEndpointVariable: boolean }

const run = promisify(execFile)
const PATIENCE_MS = 15_000

/** Asks the `aws` on PATH for its version. It gets no variables but those that it needs to start. */
export async function findAwsCli(env: NodeJS.ProcessEnv): Promise<AwsCli> {
  try {
    const { stdout, stderr } = await run('aws', ['--version'], {
      timeout: PATIENCE_MS,
      env: { PATH: env['PATH'], HOME: env['HOME'] },
    })
    return parseAwsVersion(`${stdout}${stderr}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'absent' }
    return { kind: 'unknown', output: error instanceof Error ? error.message : String(error) }
  }
}

/** `aws-cli/2.15.3 Python/… …`; since 1.29.0 and 2.13.0 it follows AWS_ENDPOINT_URL. */
export function parseAwsVersion(output: string): AwsCli {
  const match = /aws-cli\/(\d+)\.(\d+)\.(\d+)/.exec(output)
  if (match === null) return { kind: 'unknown', output: output.trim() }
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return {
    kind: 'found',
    version: `${match[1]}.${match[2]}.${match[3]}`,
    knowsEndpointVariable: major > 2 || (major === 2 && minor >= 13) || (major === 1 && minor >= 29),
  }
}

/** What the user should know about it; undefined where all is well. */
export function awsCliWarning(cli: AwsCli): string | undefined {
  switch (cli.kind) {
    case 'absent':
      return 'no aws CLI was found on PATH. Any version does (https://aws.amazon.com/cli/, or: pip install awscli); the commands here need one'
    case 'unknown':
      return `the version of the aws CLI could not be read (${cli.output.split('\n')[0] ?? ''})`
    case 'found':
      return cli.knowsEndpointVariable
        ? undefined
        : `the installed aws CLI ${cli.version} is older than 1.29 / 2.13 and ignores AWS_ENDPOINT_URL: always give it --endpoint-url, or its requests go to AWS`
  }
}
