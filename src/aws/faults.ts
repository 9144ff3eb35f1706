import { AwsError } from './error.ts'
import type { OperationModel, ServiceModel } from './model.ts'

/** Errors common to all services; their names differ by protocol: query APIs use the short ones. */

const isQuery = (model: ServiceModel | undefined): boolean => model?.metadata.protocol === 'query'

function fault(
  model: ServiceModel | undefined,
  query: string,
  json: string,
  status: number,
  message: string,
): AwsError {
  return new AwsError(isQuery(model) ? query : json, status, message)
}

export function unknownOperation(model: ServiceModel | undefined, message: string): AwsError {
  return fault(model, 'InvalidAction', 'UnknownOperationException', 400, message)
}

/** The request is not what the protocol says: broken JSON, a wrong type. */
export function malformed(model: ServiceModel | undefined, message: string): AwsError {
  return fault(model, 'MalformedInput', 'SerializationException', 400, message)
}

export function accessDeniedCode(model: ServiceModel | undefined): string {
  return isQuery(model) ? 'AccessDenied' : 'AccessDeniedException'
}

export function missingToken(model: ServiceModel | undefined): AwsError {
  return fault(
    model,
    'MissingAuthenticationToken',
    'MissingAuthenticationTokenException',
    403,
    'Missing Authentication Token',
  )
}

export function incompleteSignature(model: ServiceModel | undefined, message: string): AwsError {
  return fault(model, 'IncompleteSignature', 'IncompleteSignatureException', 400, message)
}

export function invalidToken(model: ServiceModel | undefined): AwsError {
  return fault(
    model,
    'InvalidClientTokenId',
    'UnrecognizedClientException',
    403,
    'The security token included in the request is invalid.',
  )
}

export function expiredToken(model: ServiceModel | undefined): AwsError {
  return fault(
    model,
    'ExpiredToken',
    'ExpiredTokenException',
    403,
    'The security token included in the request is expired',
  )
}

export function badSignature(model: ServiceModel | undefined, message: string): AwsError {
  return fault(model, 'SignatureDoesNotMatch', 'InvalidSignatureException', 403, message)
}

export function tooLarge(model: ServiceModel | undefined, limit: number): AwsError {
  return fault(
    model,
    'RequestEntityTooLarge',
    'RequestEntityTooLargeException',
    413,
    `The request body must not exceed ${limit} bytes`,
  )
}

export function internalFailure(model: ServiceModel | undefined, requestId: string): AwsError {
  return fault(
    model,
    'InternalFailure',
    'InternalServerException',
    500,
    `The server failed to answer because of a fault of its own. Its log has the details under request id ${requestId}`,
  )
}

/** Too much at a time; clients wait and try again. */
export function throttled(model: ServiceModel | undefined): AwsError {
  return fault(model, 'Throttling', 'ThrottlingException', 400, 'Rate exceeded')
}

/** Modelled by AWS, not built here; a 400 that no client retries, and of the errors that the operation has where it has one that fits. */
export function notBuilt(model: ServiceModel, operation: OperationModel, because?: string): AwsError {
  const { name, errors = [] } = operation
  const modelled = REFUSALS.find((code) => errors.some(({ shape }) => shape === code)) ?? REFUSALS[0]
  const message =
    because === undefined
      ? `Roleback does not have ${name} yet; docs/compatibility.md lists what it has`
      : `${name} is not available on this server: ${because}`
  return fault(model, 'InvalidAction', modelled, 400, message)
}

const REFUSALS = ['InvalidRequestException', 'InvalidParameterValueException'] as const
