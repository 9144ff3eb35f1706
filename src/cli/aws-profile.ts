import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Credentials } from '../aws/client.ts'

/** The settings of one profile in the files that the aws CLI and the SDKs share. */
export type ProfileSettings = Readonly<Record<string, string>>

/**
 * Reads AWS's INI form: sections in brackets, `key = value`, comments on lines of their own. Nested settings (indented lines) are
 * skipped. In the config file sections are called `[profile NAME]`, which comes out as NAME.
 */
export function parseProfiles(text: string): ReadonlyMap<string, ProfileSettings> {
  const profiles = new Map<string, Record<string, string>>()
  let current: Record<string, string> | undefined
  for (const line of text.split(/\r?\n/)) {
    const section = /^\[\s*(?:profile\s+)?["']?([^\]"']+?)["']?\s*\]/.exec(line)
    if (section !== null) {
      const name = section[1] as string
      current = profiles.get(name) ?? {}
      profiles.set(name, current)
      continue
    }
    const setting = /^([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*$/.exec(line)
    if (setting !== null && current !== undefined)
      current[(setting[1] as string).toLowerCase()] = setting[2] as string
  }
  return profiles
}

/** A profile as the files have it. The region goes along: AWS's clients ask for one before they ask anybody else. */
export function profileText(
  name: string,
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  region: string,
): string {
  const token = sessionToken === undefined ? '' : `aws_session_token = ${sessionToken}\n`
  return `[${name}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n${token}region = ${region}\n`
}

export interface FoundProfile {
  readonly name: string
  readonly settings: ProfileSettings
  /** The files that were looked into, for messages. */
  readonly credentialsFile: string
  readonly configFile: string
}

/** The profile that the environment names (`AWS_PROFILE`, else `default`); what the credentials file says wins, as for AWS's own clients. */
export function profileFrom(env: NodeJS.ProcessEnv): FoundProfile {
  const home = env['HOME'] ?? homedir()
  const credentialsFile = env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(home, '.aws', 'credentials')
  const configFile = env['AWS_CONFIG_FILE'] ?? join(home, '.aws', 'config')
  const name = env['AWS_PROFILE'] ?? env['AWS_DEFAULT_PROFILE'] ?? 'default'
  const settings = {
    ...parseProfiles(textOf(configFile)).get(name),
    ...parseProfiles(textOf(credentialsFile)).get(name),
  }
  return { name, settings, credentialsFile, configFile }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
