import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type {
  DescribeRegionSettingsOutput,
  GetSupportedResourceTypesOutput,
  UpdateRegionSettingsInput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { KINDS } from '../kinds/kinds.ts'
import { regionSettings, updateRegionSettings as storeRegionSettings } from '../store/region-settings.ts'

function supportedTypes(): string[] {
  return KINDS.map((kind) => kind.type)
}

export async function getSupportedResourceTypes(): Promise<GetSupportedResourceTypesOutput> {
  return { ResourceTypes: supportedTypes() }
}

/** Every type is opted in until somebody opts it out, as AWS does for the types of a new account. */
export async function describeRegionSettings(ctx: Context): Promise<DescribeRegionSettingsOutput> {
  const { optIn, management } = await regionSettings(ctx.store.db, ctx.accountId, ctx.region)
  const types = supportedTypes()
  return {
    ResourceTypeOptInPreference: Object.fromEntries(types.map((type) => [type, optIn[type] ?? true])),
    ResourceTypeManagementPreference: { EFS: management['EFS'] ?? true },
  }
}

export async function updateRegionSettings(
  ctx: Context,
  input: UpdateRegionSettingsInput,
): Promise<Record<string, never>> {
  const optIn = input.ResourceTypeOptInPreference ?? {}
  const management = input.ResourceTypeManagementPreference ?? {}
  const types = supportedTypes()
  for (const type of [...Object.keys(optIn), ...Object.keys(management)]) {
    if (!types.includes(type)) {
      throw new InvalidParameterValueException(
        `Resource type "${type}" is not supported by this server. Supported: ${types.join(', ')}`,
        {
          Context: type,
        },
      )
    }
  }
  await ctx.store.transaction((tx) =>
    storeRegionSettings(tx, ctx.accountId, ctx.region, { optIn, management }),
  )
  return {}
}
