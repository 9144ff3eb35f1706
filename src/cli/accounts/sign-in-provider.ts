import type { Command } from 'commander'
import type { SignInProvider } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { note, say, sayJson, tableOf } from '../output.ts'
import { readSecret } from '../secret-input.ts'

interface PutOptions {
  readonly clientId: string
  readonly role: string
  readonly redirectUri: string[]
  readonly clientSecretFile?: string
}

export function addSignInProvider(program: Command): void {
  const provider = program
    .command('sign-in-provider')
    .description('identity providers that people sign in with, and the role that they work under then')
  provider
    .command('put <provider-arn>')
    .description('let people sign in with an OpenID Connect provider; over the settings that are there')
    .requiredOption('--client-id <id>', "one of the provider's client ids")
    .requiredOption(
      '--role <arn>',
      'role whose trust policy says who may sign in: it must ask for the subject',
    )
    .requiredOption(
      '--redirect-uri <uri...>',
      'where the provider may send browsers back to, each whole: https, or http on loopback',
    )
    .option(
      '--client-secret-file <file>',
      'file with the client secret, - for standard input; a public client has none',
    )
    .action(putProvider)
  provider
    .command('list')
    .description('providers that people may sign in with')
    .option('--json', 'print the result as JSON')
    .action(listProviders)
  provider
    .command('remove <provider-arn>')
    .description('let nobody sign in with it any more; sessions end with "session revoke ROLE-ARN"')
    .action(removeProvider)
}

async function putProvider(arn: string, options: PutOptions): Promise<void> {
  const { call } = clientFrom(process.env)
  const file = options.clientSecretFile
  const ClientSecret =
    file === undefined ? undefined : await readSecret(file, 'client secret', '--client-secret-file')
  await call('roleback', 'PutSignInProvider', {
    OpenIDConnectProviderArn: arn,
    ClientId: options.clientId,
    ClientSecret,
    RoleArn: options.role,
    RedirectUris: options.redirectUri,
  })
  note(`people may sign in with ${arn} and work under ${options.role}`)
}

async function listProviders(options: { readonly json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const { SignInProviders } = await call('roleback', 'ListSignInProviders', {})
  if (options.json === true) sayJson(SignInProviders)
  else if (SignInProviders.length === 0) say('People sign in with no identity provider.')
  else say(providerTable(SignInProviders))
}

function providerTable(providers: readonly SignInProvider[]): string {
  return tableOf(
    ['PROVIDER', 'CLIENT', 'SECRET', 'ROLE', 'REDIRECTS TO'],
    providers.map((provider) => [
      provider.OpenIDConnectProviderArn,
      provider.ClientId,
      provider.HasClientSecret ? 'yes' : 'no',
      provider.RoleArn ?? 'deleted: put it anew',
      provider.RedirectUris.join(' '),
    ]),
  )
}

async function removeProvider(arn: string): Promise<void> {
  const { call } = clientFrom(process.env)
  await call('roleback', 'DeleteSignInProvider', { OpenIDConnectProviderArn: arn })
  note(`nobody signs in with ${arn} any more`)
}
