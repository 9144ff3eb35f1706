import type { Call } from '../../aws/client.ts'
import type { Resource } from '../../aws/generated/roleback.ts'
import { note } from '../output.ts'
import { CommandError } from '../report.ts'

/** Everything that is registered in the account, page by page. */
export async function allResources(call: Call): Promise<readonly Resource[]> {
  const all: Resource[] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListResources', { NextToken })
    all.push(...page.Resources)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return all
}

/** A resource by its ARN, its name or its `Name` tag. @throws {CommandError} Where none or several are called so. */
export async function resourceArnOf(call: Call, given: string): Promise<string> {
  if (given.startsWith('arn:')) return given
  const found = (await allResources(call)).filter((one) => one.Name === given || one.DisplayName === given)
  if (found.length === 1) return (found[0] as Resource).ResourceArn
  throw new CommandError(
    found.length === 0
      ? `No resource is called "${given}". "roleback resource list" shows all`
      : `${found.length} resources are called "${given}": give the ARN of one (${found.map((one) => one.ResourceArn).join(', ')})`,
  )
}

/** What the source does not let us do, as the server found it. */
export function warn(warnings: readonly string[] | undefined): void {
  for (const warning of warnings ?? []) note(`warning: ${warning}`)
}
