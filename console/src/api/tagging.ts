import { ApiError, callJson } from './roleback.ts'

/** AWS's Resource Groups Tagging API, as far as the console writes tags of resources: its own client would be larger than all of this. */

interface Answer {
  readonly FailedResourcesMap?: Readonly<
    Record<string, { readonly ErrorCode?: string; readonly ErrorMessage?: string } | undefined>
  >
}

type Tags = Readonly<Record<string, string>>

/** Lets a resource have just these tags. @throws {ApiError} Where one is refused; those before it are written. */
export async function putTags(arn: string, before: Tags, after: Tags): Promise<void> {
  const { changed, gone } = tagChanges(before, after)
  const names = { ResourceARNList: [arn] }
  if (gone.length > 0) await call('UntagResources', { ...names, TagKeys: gone })
  if (Object.keys(changed).length > 0) await call('TagResources', { ...names, Tags: changed })
}

/** What is written anew or with another value, and the keys that go. */
export function tagChanges(
  before: Tags,
  after: Tags,
): { readonly changed: Tags; readonly gone: readonly string[] } {
  return {
    changed: Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value)),
    gone: Object.keys(before).filter((key) => !Object.hasOwn(after, key)),
  }
}

async function call(operation: string, input: object): Promise<void> {
  const { FailedResourcesMap: failed = {} }: Answer = await callJson(
    'tagging',
    `ResourceGroupsTaggingAPI_20170126.${operation}`,
    input,
  )
  const [first] = Object.values(failed)
  if (first === undefined) return
  const { ErrorCode = 'InternalServiceException', ErrorMessage = ErrorCode } = first
  throw new ApiError(ErrorCode, ErrorMessage)
}
