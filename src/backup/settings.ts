import { InvalidParameterValueException, InvalidRequestException } from '../aws/generated/backup.ts'
import type {
  DescribeGlobalSettingsOutput,
  DescribeRegionSettingsOutput,
  GetSupportedResourceTypesOutput,
  UpdateGlobalSettingsInput,
  UpdateRegionSettingsInput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { KINDS } from '../kinds/kinds.ts'
import { globalSettings, updateGlobalSettings as storeGlobalSettings } from '../store/global-settings.ts'
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

/** AWS's account-wide settings that this server knows, with what holds where nobody set them. */
const GLOBAL_SETTINGS: Readonly<Record<string, string>> = {
  isCrossAccountBackupEnabled: 'false',
  isDelegatedAdministratorEnabled: 'false',
  isMpaEnabled: 'false',
}
/** Settings that can be nothing but off: there are no organizations and no approval teams here. */
const ALWAYS_OFF = ['isDelegatedAdministratorEnabled', 'isMpaEnabled']

export async function describeGlobalSettings(ctx: Context): Promise<DescribeGlobalSettingsOutput> {
  const { settings, updatedAt } = await globalSettings(ctx.store.db, ctx.accountId)
  return {
    GlobalSettings: { ...GLOBAL_SETTINGS, ...settings },
    LastUpdateTime: updatedAt === undefined ? undefined : new Date(updatedAt),
  }
}

export async function updateGlobalSettings(
  ctx: Context,
  input: UpdateGlobalSettingsInput,
): Promise<Record<string, never>> {
  const settings = input.GlobalSettings ?? {}
  for (const [name, value] of Object.entries(settings)) {
    if (GLOBAL_SETTINGS[name] === undefined) {
      throw new InvalidParameterValueException(
        `Global setting "${name}" is not known. Known: ${Object.keys(GLOBAL_SETTINGS).join(', ')}`,
        { Context: name },
      )
    }
    if (value !== 'true' && value !== 'false')
      throw new InvalidParameterValueException(`Global setting ${name} must be "true" or "false"`, {
        Context: name,
      })
    if (value === 'true' && ALWAYS_OFF.includes(name))
      throw new InvalidRequestException(`Global setting ${name} is unavailable on this server`)
  }
  await ctx.store.transaction((tx) => storeGlobalSettings(tx, ctx.accountId, settings, ctx.now))
  return {}
}
