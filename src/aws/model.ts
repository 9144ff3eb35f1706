import { readFileSync } from 'node:fs'

/** A service model as models/*.json has it: botocore's form, stripped of prose. */
export interface ServiceModel {
  readonly metadata: {
    readonly name: ServiceName
    readonly signingName: string
    readonly iamPrefix: string
    readonly apiVersion: string
    readonly protocol: 'rest-json' | 'query' | 'json'
    readonly xmlNamespace?: string
    readonly targetPrefix?: string
    readonly jsonVersion?: string
  }
  readonly operations: Readonly<Record<string, OperationModel>>
  readonly shapes: Readonly<Record<string, Shape>>
}

export type ServiceName = 'backup' | 'iam' | 'iam-toolbox' | 'sts' | 'tagging' | 'roleback'

export interface OperationModel {
  readonly name: string
  readonly http: { readonly method: string; readonly requestUri: string; readonly responseCode?: number }
  readonly input?: ShapeRef
  readonly output?: ShapeRef & { readonly resultWrapper?: string }
  readonly errors?: readonly ShapeRef[]
}

export interface ShapeRef {
  readonly shape: string
  readonly location?: 'uri' | 'querystring' | 'header' | 'headers' | 'statusCode'
  readonly locationName?: string
  readonly timestampFormat?: TimestampFormat
}

export type TimestampFormat = 'iso8601' | 'unixTimestamp' | 'rfc822'

export interface Shape {
  readonly type:
    | 'structure'
    | 'list'
    | 'map'
    | 'string'
    | 'boolean'
    | 'timestamp'
    | 'blob'
    | 'integer'
    | 'long'
    | 'float'
    | 'double'
    | 'character'
  readonly members?: Readonly<Record<string, ShapeRef>>
  readonly required?: readonly string[]
  readonly member?: ShapeRef
  readonly key?: ShapeRef
  readonly value?: ShapeRef
  readonly flattened?: boolean
  readonly enum?: readonly string[]
  readonly min?: number
  readonly max?: number
  readonly pattern?: string
  readonly sensitive?: boolean
  readonly payload?: string
  readonly timestampFormat?: TimestampFormat
  readonly exception?: boolean
  /** Any JSON value, of no fixed shape. */
  readonly document?: boolean
  readonly error?: { readonly code?: string; readonly httpStatusCode?: number }
}

export const SERVICE_NAMES: readonly ServiceName[] = [
  'backup',
  'iam',
  'iam-toolbox',
  'sts',
  'tagging',
  'roleback',
]

const loaded = new Map<ServiceName, ServiceModel>()

/** The model of a service, read once. */
export function modelOf(name: ServiceName): ServiceModel {
  let model = loaded.get(name)
  if (model === undefined) {
    const file = new URL(`../../models/${name}.json`, import.meta.url)
    model = JSON.parse(readFileSync(file, 'utf8')) as ServiceModel
    loaded.set(name, model)
  }
  return model
}

/**
 * The service that a request signed for `signingName` is for. Two have the name `iam`: of them the one whose operations have paths is
 * meant by a request with one, and the other by the rest.
 */
export function serviceSignedAs(signingName: string, rawTarget: string): ServiceModel | undefined {
  const signed = SERVICE_NAMES.map(modelOf).filter(({ metadata }) => metadata.signingName === signingName)
  const [only] = signed
  if (signed.length < 2) return only
  const isMeant = (model: ServiceModel): boolean => isBelow(model, rawTarget.split('/')[1]?.split('?')[0])
  return signed.find(isMeant) ?? signed.find(({ metadata }) => metadata.protocol !== 'rest-json')
}

/** Whether paths of the service's operations begin with the segment. */
function isBelow({ operations }: ServiceModel, segment: string | undefined): boolean {
  if (segment === undefined || segment === '') return false
  return Object.values(operations).some(({ http }) => http.requestUri.split('/')[1] === segment)
}

export function shapeOf(model: ServiceModel, ref: ShapeRef): Shape {
  return model.shapes[ref.shape] as Shape
}
