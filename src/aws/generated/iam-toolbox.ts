// Made by tools/generate.ts from models/iam-toolbox.json. Do not edit.

import { AwsError } from '../error.ts'

export interface AttachedTo {
  readonly arn?: string | undefined
}

export interface Evaluation {
  readonly action: string
  readonly resource: string
  readonly context?: Readonly<Record<string, unknown>> | undefined
  readonly evaluatedEffect?: "ALLOW" | "EXPLICIT_DENY" | "IMPLICIT_DENY" | undefined
  readonly matchedPolicies?: readonly MatchedPolicy[] | undefined
}

export interface GetRequestAuthorizationDetailsInput {
  readonly authorizationId: string
  readonly nextToken?: string | undefined
}

export interface GetRequestAuthorizationDetailsOutput {
  readonly requestContext: Readonly<Record<string, unknown>>
  readonly evaluations: readonly Evaluation[]
  readonly policies: readonly PolicyInfo[]
  readonly nextToken?: string | undefined
}

export interface MatchedPolicy {
  readonly uri: string
  readonly matchedStatements?: readonly MatchedStatement[] | undefined
}

export interface MatchedStatement {
  readonly sid?: string | undefined
  readonly evaluatedEffect?: "ALLOW" | "DENY" | undefined
}

export interface PolicyInfo {
  readonly type?: "IDENTITY_BASED_POLICY" | "RESOURCE_BASED_POLICY" | "PERMISSIONS_BOUNDARY" | "SESSION_POLICY" | "SERVICE_CONTROL_POLICY" | "RESOURCE_CONTROL_POLICY" | "VPC_ENDPOINT_POLICY" | undefined
  readonly inline?: boolean | undefined
  readonly uri?: string | undefined
  readonly attachedTo?: readonly AttachedTo[] | undefined
}

export interface GetRequestAuthorizationPolicyInput {
  readonly authorizationId: string
  readonly policyUri: string
}

export interface GetRequestAuthorizationPolicyOutput {
  readonly policyDocument: unknown
}

export interface IamToolboxApi {
  GetRequestAuthorizationDetails: { input: GetRequestAuthorizationDetailsInput; output: GetRequestAuthorizationDetailsOutput }
  GetRequestAuthorizationPolicy: { input: GetRequestAuthorizationPolicyInput; output: GetRequestAuthorizationPolicyOutput }
}

export class AccessDeniedException extends AwsError {
  constructor(message: string) {
    super("AccessDeniedException", 403, message)
  }
}

export class InternalServerException extends AwsError {
  constructor(message: string) {
    super("InternalServerException", 500, message)
  }
}

export class ResourceNotFoundException extends AwsError {
  constructor(message: string) {
    super("ResourceNotFoundException", 404, message)
  }
}

export class ValidationException extends AwsError {
  constructor(message: string) {
    super("ValidationException", 400, message)
  }
}
