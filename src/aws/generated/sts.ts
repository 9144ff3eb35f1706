// Made by tools/generate.ts from models/sts.json. Do not edit.

import { AwsError } from '../error.ts'

export interface AssumeRoleRequest {
  readonly RoleArn: string
  readonly RoleSessionName: string
  readonly PolicyArns?: readonly PolicyDescriptorType[] | undefined
  readonly Policy?: string | undefined
  readonly DurationSeconds?: number | undefined
  readonly Tags?: readonly Tag[] | undefined
  readonly TransitiveTagKeys?: readonly string[] | undefined
  readonly ExternalId?: string | undefined
  readonly SerialNumber?: string | undefined
  readonly TokenCode?: string | undefined
  readonly SourceIdentity?: string | undefined
  readonly ProvidedContexts?: readonly ProvidedContext[] | undefined
}

export interface AssumeRoleResponse {
  readonly Credentials?: Credentials | undefined
  readonly AssumedRoleUser?: AssumedRoleUser | undefined
  readonly PackedPolicySize?: number | undefined
  readonly SourceIdentity?: string | undefined
}

export interface AssumeRoleWithSAMLRequest {
  readonly RoleArn: string
  readonly PrincipalArn: string
  readonly SAMLAssertion: string
  readonly PolicyArns?: readonly PolicyDescriptorType[] | undefined
  readonly Policy?: string | undefined
  readonly DurationSeconds?: number | undefined
}

export interface AssumeRoleWithSAMLResponse {
  readonly Credentials?: Credentials | undefined
  readonly AssumedRoleUser?: AssumedRoleUser | undefined
  readonly PackedPolicySize?: number | undefined
  readonly Subject?: string | undefined
  readonly SubjectType?: string | undefined
  readonly Issuer?: string | undefined
  readonly Audience?: string | undefined
  readonly NameQualifier?: string | undefined
  readonly SourceIdentity?: string | undefined
}

export interface AssumeRoleWithWebIdentityRequest {
  readonly RoleArn: string
  readonly RoleSessionName: string
  readonly WebIdentityToken: string
  readonly ProviderId?: string | undefined
  readonly PolicyArns?: readonly PolicyDescriptorType[] | undefined
  readonly Policy?: string | undefined
  readonly DurationSeconds?: number | undefined
}

export interface AssumeRoleWithWebIdentityResponse {
  readonly Credentials?: Credentials | undefined
  readonly SubjectFromWebIdentityToken?: string | undefined
  readonly AssumedRoleUser?: AssumedRoleUser | undefined
  readonly PackedPolicySize?: number | undefined
  readonly Provider?: string | undefined
  readonly Audience?: string | undefined
  readonly SourceIdentity?: string | undefined
}

export interface AssumeRootRequest {
  readonly TargetPrincipal: string
  readonly TaskPolicyArn: PolicyDescriptorType
  readonly DurationSeconds?: number | undefined
}

export interface AssumeRootResponse {
  readonly Credentials?: Credentials | undefined
  readonly SourceIdentity?: string | undefined
}

export interface AssumedRoleUser {
  readonly AssumedRoleId: string
  readonly Arn: string
}

export interface Credentials {
  readonly AccessKeyId: string
  readonly SecretAccessKey: string
  readonly SessionToken: string
  readonly Expiration: Date
}

export interface DecodeAuthorizationMessageRequest {
  readonly EncodedMessage: string
}

export interface DecodeAuthorizationMessageResponse {
  readonly DecodedMessage?: string | undefined
}

export interface FederatedUser {
  readonly FederatedUserId: string
  readonly Arn: string
}

export interface GetAccessKeyInfoRequest {
  readonly AccessKeyId: string
}

export interface GetAccessKeyInfoResponse {
  readonly Account?: string | undefined
}

export type GetCallerIdentityRequest = Readonly<Record<never, never>>

export interface GetCallerIdentityResponse {
  readonly UserId?: string | undefined
  readonly Account?: string | undefined
  readonly Arn?: string | undefined
}

export interface GetDelegatedAccessTokenRequest {
  readonly TradeInToken: string
}

export interface GetDelegatedAccessTokenResponse {
  readonly Credentials?: Credentials | undefined
  readonly PackedPolicySize?: number | undefined
  readonly AssumedPrincipal?: string | undefined
}

export interface GetFederationTokenRequest {
  readonly Name: string
  readonly Policy?: string | undefined
  readonly PolicyArns?: readonly PolicyDescriptorType[] | undefined
  readonly DurationSeconds?: number | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface GetFederationTokenResponse {
  readonly Credentials?: Credentials | undefined
  readonly FederatedUser?: FederatedUser | undefined
  readonly PackedPolicySize?: number | undefined
}

export interface GetSessionTokenRequest {
  readonly DurationSeconds?: number | undefined
  readonly SerialNumber?: string | undefined
  readonly TokenCode?: string | undefined
}

export interface GetSessionTokenResponse {
  readonly Credentials?: Credentials | undefined
}

export interface GetWebIdentityTokenRequest {
  readonly Audience: readonly string[]
  readonly DurationSeconds?: number | undefined
  readonly SigningAlgorithm: string
  readonly Tags?: readonly Tag[] | undefined
}

export interface GetWebIdentityTokenResponse {
  readonly WebIdentityToken?: string | undefined
  readonly Expiration?: Date | undefined
}

export interface PolicyDescriptorType {
  readonly arn?: string | undefined
}

export interface ProvidedContext {
  readonly ProviderArn?: string | undefined
  readonly ContextAssertion?: string | undefined
}

export interface Tag {
  readonly Key: string
  readonly Value: string
}

export interface StsApi {
  AssumeRole: { input: AssumeRoleRequest; output: AssumeRoleResponse }
  AssumeRoleWithSAML: { input: AssumeRoleWithSAMLRequest; output: AssumeRoleWithSAMLResponse }
  AssumeRoleWithWebIdentity: { input: AssumeRoleWithWebIdentityRequest; output: AssumeRoleWithWebIdentityResponse }
  AssumeRoot: { input: AssumeRootRequest; output: AssumeRootResponse }
  DecodeAuthorizationMessage: { input: DecodeAuthorizationMessageRequest; output: DecodeAuthorizationMessageResponse }
  GetAccessKeyInfo: { input: GetAccessKeyInfoRequest; output: GetAccessKeyInfoResponse }
  GetCallerIdentity: { input: GetCallerIdentityRequest; output: GetCallerIdentityResponse }
  GetDelegatedAccessToken: { input: GetDelegatedAccessTokenRequest; output: GetDelegatedAccessTokenResponse }
  GetFederationToken: { input: GetFederationTokenRequest; output: GetFederationTokenResponse }
  GetSessionToken: { input: GetSessionTokenRequest; output: GetSessionTokenResponse }
  GetWebIdentityToken: { input: GetWebIdentityTokenRequest; output: GetWebIdentityTokenResponse }
}

export class ExpiredTokenException extends AwsError {
  constructor(message: string) {
    super("ExpiredTokenException", 400, message)
  }
}

export class ExpiredTradeInTokenException extends AwsError {
  constructor(message: string) {
    super("ExpiredTradeInTokenException", 400, message)
  }
}

export class IDPCommunicationErrorException extends AwsError {
  constructor(message: string) {
    super("IDPCommunicationError", 400, message)
  }
}

export class IDPRejectedClaimException extends AwsError {
  constructor(message: string) {
    super("IDPRejectedClaim", 403, message)
  }
}

export class InvalidAuthorizationMessageException extends AwsError {
  constructor(message: string) {
    super("InvalidAuthorizationMessageException", 400, message)
  }
}

export class InvalidIdentityTokenException extends AwsError {
  constructor(message: string) {
    super("InvalidIdentityToken", 400, message)
  }
}

export class JWTPayloadSizeExceededException extends AwsError {
  constructor(message: string) {
    super("JWTPayloadSizeExceededException", 400, message)
  }
}

export class MalformedPolicyDocumentException extends AwsError {
  constructor(message: string) {
    super("MalformedPolicyDocument", 400, message)
  }
}

export class OutboundWebIdentityFederationDisabledException extends AwsError {
  constructor(message: string) {
    super("OutboundWebIdentityFederationDisabledException", 403, message)
  }
}

export class PackedPolicyTooLargeException extends AwsError {
  constructor(message: string) {
    super("PackedPolicyTooLarge", 400, message)
  }
}

export class RegionDisabledException extends AwsError {
  constructor(message: string) {
    super("RegionDisabledException", 403, message)
  }
}

export class SessionDurationEscalationException extends AwsError {
  constructor(message: string) {
    super("SessionDurationEscalationException", 403, message)
  }
}
