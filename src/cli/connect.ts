import { callerOf } from '../aws/client.ts'
import type { Call, Credentials } from '../aws/client.ts'
import { profileFrom } from './aws-profile.ts'
import type { FoundProfile } from './aws-profile.ts'
import { note } from './output.ts'
import { CommandError, CommandUsageError } from './report.ts'

/** Where a server listens unless told otherwise. */
const DEFAULT_ENDPOINT = 'http://127.0.0.1:8420'
const DEFAULT_REGION = 'us-east-1'

/** How to reach a server, from the variables and files that AWS's own clients read. */
export interface Client {
  readonly endpoint: string
  readonly region: string
  readonly call: Call
}

/** @throws {CommandError} Where there are no credentials, saying where they were looked for. */
export function clientFrom(env: NodeJS.ProcessEnv): Client {
  const profile = profileFrom(env)
  return clientOf(env, profile, credentialsFrom(env, profile))
}

/** For what needs no credentials. */
export function unsignedClientFrom(env: NodeJS.ProcessEnv): Client {
  return clientOf(env, profileFrom(env), undefined)
}

const onWarning = (text: string): void => note(`warning: ${text}`)

function clientOf(
  env: NodeJS.ProcessEnv,
  profile: FoundProfile,
  credentials: Credentials | undefined,
): Client {
  const endpoint = endpointFrom(env, profile)
  const region = regionFrom(env, profile)
  const caFile = env['AWS_CA_BUNDLE'] ?? profile.settings['ca_bundle']
  return { endpoint, region, call: callerOf(endpoint, credentials, region, { caFile, onWarning }) }
}

/** @throws {CommandUsageError} Where AWS_ENDPOINT_URL is no URL. */
export function endpointFrom(env: NodeJS.ProcessEnv, profile: FoundProfile = profileFrom(env)): string {
  const endpoint = env['AWS_ENDPOINT_URL'] ?? profile.settings['endpoint_url'] ?? DEFAULT_ENDPOINT
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new CommandUsageError(
      `AWS_ENDPOINT_URL "${endpoint}" is not a URL such as ${DEFAULT_ENDPOINT}: it says where the server answers`,
    )
  }
  return endpoint
}

function regionFrom(env: NodeJS.ProcessEnv, profile: FoundProfile): string {
  return env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? profile.settings['region'] ?? DEFAULT_REGION
}

/** Variables come before files, as with AWS's clients. */
function credentialsFrom(env: NodeJS.ProcessEnv, profile: FoundProfile): Credentials {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env
  if (id !== undefined && id !== '' && secret !== undefined && secret !== '') {
    return { accessKeyId: id, secretAccessKey: secret, sessionToken: token === '' ? undefined : token }
  }
  const found = profile.settings
  const accessKeyId = found['aws_access_key_id']
  const secretAccessKey = found['aws_secret_access_key']
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new CommandError(
      `No credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, and ${profile.credentialsFile} has no keys for the profile "${profile.name}". ` +
        "The server's first start wrote the root user's to root-credentials in its data directory: set AWS_SHARED_CREDENTIALS_FILE to that file and AWS_PROFILE to roleback",
    )
  }
  return { accessKeyId, secretAccessKey, sessionToken: found['aws_session_token'] }
}
