import type { TaggingApi } from '../aws/generated/tagging.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { getResources, getTagKeys, getTagValues } from './resources.ts'
import { tagResources, untagResources } from './tags.ts'

const all = (): string => '*'

/** The Resource Groups Tagging API: what is registered or made here, by its tags. */
export const tagging: Service<TaggingApi, Context> = {
  GetResources: { resource: all, handler: getResources },
  GetTagKeys: { resource: all, handler: getTagKeys },
  GetTagValues: { resource: all, handler: getTagValues },
  TagResources: {
    resource: all,
    context: (_, input) => ({
      ...Object.fromEntries(
        Object.entries(input.Tags).map(([key, value]) => [`aws:RequestTag/${key}`, value]),
      ),
      'aws:TagKeys': Object.keys(input.Tags),
    }),
    handler: tagResources,
  },
  UntagResources: {
    resource: all,
    context: (_, input) => ({ 'aws:TagKeys': [...input.TagKeys] }),
    handler: untagResources,
  },
  DescribeReportCreation: { resource: all, unbuilt: true },
  GetComplianceSummary: { resource: all, unbuilt: true },
  ListRequiredTags: { resource: all, unbuilt: true },
  StartReportCreation: { resource: all, unbuilt: true },
}
