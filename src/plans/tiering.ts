import { parseArn } from '../lib/arn.ts'

/** What a tiering configuration moves when. Quotas: AWS Backup API reference, ResourceSelection. */
const MAX_SELECTIONS = 5
const MAX_RESOURCES = 100
/** The one type that AWS tiers. */
const TIERED_TYPE = 'S3'

/** As the API has it, and the row. */
export interface TieringSelection {
  /** ARNs, or `*` alone. */
  readonly Resources: readonly string[]
  readonly ResourceType: string
  /** 60 to 36500: the model's limits. */
  readonly TieringDownSettingsInDays: number
}

/** What is wrong with the selections of a configuration; undefined where nothing is. */
export function tieringProblem(selections: readonly TieringSelection[]): string | undefined {
  if (selections.length < 1 || selections.length > MAX_SELECTIONS)
    return `ResourceSelection must have 1 to ${MAX_SELECTIONS} selections; it has ${selections.length}`
  for (const { Resources: resources, ResourceType: type } of selections) {
    if (type !== TIERED_TYPE)
      return `ResourceType ${type} cannot be tiered: ${TIERED_TYPE} is the one resource type that can`
    if (resources.length === 0) return 'Resources must have ARNs, or "*" for all resources; it is empty'
    if (resources.includes('*') && resources.length > 1)
      return 'Resources must be "*" alone, or ARNs: it has both. Put what is named into a selection of its own'
    const foreign = resources.find((one) => one !== '*' && parseArn(one)?.service !== 's3')
    if (foreign !== undefined)
      return `Resources has "${foreign.slice(0, 200)}", which is not the ARN of a bucket`
  }
  const all = selections.flatMap(({ Resources }) => Resources)
  if (all.length > MAX_RESOURCES)
    return `ResourceSelection must name at most ${MAX_RESOURCES} resources; it names ${all.length}`
  const twice = all.find((one, index) => all.indexOf(one) !== index)
  if (twice !== undefined)
    return `ResourceSelection names ${twice} twice: which of the ages counts would be open`
  return undefined
}

/** After how many days the recovery points of a resource are moved; undefined: never. What names it counts before `*`. */
export function tieringDays(
  selections: readonly TieringSelection[],
  resourceArn: string,
): number | undefined {
  const naming = (name: string) => selections.find(({ Resources }) => Resources.includes(name))
  return (naming(resourceArn) ?? naming('*'))?.TieringDownSettingsInDays
}
