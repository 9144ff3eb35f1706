// Made by tools/generate.ts from models/tagging.json. Do not edit.

import { AwsError } from '../error.ts'

export interface ComplianceDetails {
  readonly NoncompliantKeys?: readonly string[] | undefined
  readonly KeysWithNoncompliantValues?: readonly string[] | undefined
  readonly MissingTagKeys?: readonly string[] | undefined
  readonly ComplianceStatus?: boolean | undefined
}

export type DescribeReportCreationInput = Readonly<Record<never, never>>

export interface DescribeReportCreationOutput {
  readonly Status?: string | undefined
  readonly S3Location?: string | undefined
  readonly ErrorMessage?: string | undefined
}

export interface FailureInfo {
  readonly StatusCode?: number | undefined
  readonly ErrorCode?: "InternalServiceException" | "InvalidParameterException" | undefined
  readonly ErrorMessage?: string | undefined
}

export interface GetComplianceSummaryInput {
  readonly TargetIdFilters?: readonly string[] | undefined
  readonly RegionFilters?: readonly string[] | undefined
  readonly ResourceTypeFilters?: readonly string[] | undefined
  readonly TagKeyFilters?: readonly string[] | undefined
  readonly GroupBy?: readonly ("TARGET_ID" | "REGION" | "RESOURCE_TYPE")[] | undefined
  readonly MaxResults?: number | undefined
  readonly PaginationToken?: string | undefined
}

export interface GetComplianceSummaryOutput {
  readonly SummaryList?: readonly Summary[] | undefined
  readonly PaginationToken?: string | undefined
}

export interface GetResourcesInput {
  readonly PaginationToken?: string | undefined
  readonly TagFilters?: readonly TagFilter[] | undefined
  readonly ResourcesPerPage?: number | undefined
  readonly TagsPerPage?: number | undefined
  readonly ResourceTypeFilters?: readonly string[] | undefined
  readonly IncludeComplianceDetails?: boolean | undefined
  readonly ExcludeCompliantResources?: boolean | undefined
  readonly ResourceARNList?: readonly string[] | undefined
}

export interface GetResourcesOutput {
  readonly PaginationToken?: string | undefined
  readonly ResourceTagMappingList?: readonly ResourceTagMapping[] | undefined
}

export interface GetTagKeysInput {
  readonly PaginationToken?: string | undefined
}

export interface GetTagKeysOutput {
  readonly PaginationToken?: string | undefined
  readonly TagKeys?: readonly string[] | undefined
}

export interface GetTagValuesInput {
  readonly PaginationToken?: string | undefined
  readonly Key: string
}

export interface GetTagValuesOutput {
  readonly PaginationToken?: string | undefined
  readonly TagValues?: readonly string[] | undefined
}

export interface ListRequiredTagsInput {
  readonly NextToken?: string | undefined
  readonly MaxResults?: number | undefined
}

export interface ListRequiredTagsOutput {
  readonly RequiredTags?: readonly RequiredTag[] | undefined
  readonly NextToken?: string | undefined
}

export interface RequiredTag {
  readonly ResourceType?: string | undefined
  readonly CloudFormationResourceTypes?: readonly string[] | undefined
  readonly ReportingTagKeys?: readonly string[] | undefined
}

export interface ResourceTagMapping {
  readonly ResourceARN?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
  readonly ComplianceDetails?: ComplianceDetails | undefined
}

export interface StartReportCreationInput {
  readonly S3Bucket: string
}

export type StartReportCreationOutput = Readonly<Record<never, never>>

export interface Summary {
  readonly LastUpdated?: string | undefined
  readonly TargetId?: string | undefined
  readonly TargetIdType?: "ACCOUNT" | "OU" | "ROOT" | undefined
  readonly Region?: string | undefined
  readonly ResourceType?: string | undefined
  readonly NonCompliantResources?: number | undefined
}

export interface Tag {
  readonly Key: string
  readonly Value: string
}

export interface TagFilter {
  readonly Key?: string | undefined
  readonly Values?: readonly string[] | undefined
}

export interface TagResourcesInput {
  readonly ResourceARNList: readonly string[]
  readonly Tags: Readonly<Record<string, string>>
}

export interface TagResourcesOutput {
  readonly FailedResourcesMap?: Readonly<Record<string, FailureInfo>> | undefined
}

export interface UntagResourcesInput {
  readonly ResourceARNList: readonly string[]
  readonly TagKeys: readonly string[]
}

export interface UntagResourcesOutput {
  readonly FailedResourcesMap?: Readonly<Record<string, FailureInfo>> | undefined
}

export interface TaggingApi {
  DescribeReportCreation: { input: DescribeReportCreationInput; output: DescribeReportCreationOutput }
  GetComplianceSummary: { input: GetComplianceSummaryInput; output: GetComplianceSummaryOutput }
  GetResources: { input: GetResourcesInput; output: GetResourcesOutput }
  GetTagKeys: { input: GetTagKeysInput; output: GetTagKeysOutput }
  GetTagValues: { input: GetTagValuesInput; output: GetTagValuesOutput }
  ListRequiredTags: { input: ListRequiredTagsInput; output: ListRequiredTagsOutput }
  StartReportCreation: { input: StartReportCreationInput; output: StartReportCreationOutput }
  TagResources: { input: TagResourcesInput; output: TagResourcesOutput }
  UntagResources: { input: UntagResourcesInput; output: UntagResourcesOutput }
}

export class ConcurrentModificationException extends AwsError {
  constructor(message: string) {
    super("ConcurrentModificationException", 400, message)
  }
}

export class ConstraintViolationException extends AwsError {
  constructor(message: string) {
    super("ConstraintViolationException", 400, message)
  }
}

export class InternalServiceException extends AwsError {
  constructor(message: string) {
    super("InternalServiceException", 500, message)
  }
}

export class InvalidParameterException extends AwsError {
  constructor(message: string) {
    super("InvalidParameterException", 400, message)
  }
}

export class PaginationTokenExpiredException extends AwsError {
  constructor(message: string) {
    super("PaginationTokenExpiredException", 400, message)
  }
}

export class ThrottledException extends AwsError {
  constructor(message: string) {
    super("ThrottledException", 400, message)
  }
}
