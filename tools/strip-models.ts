/**
 * Writes models/{backup,iam,sts,tagging}.json from the service models of botocore that lie inside the npm package
 * @aws-cdk/asset-awscli-v1: shapes, constraints, routes and errors, without prose. With the path of a botocore wheel it writes
 * models/iam-toolbox.json instead, which the botocore in that package is too old for. See models/SOURCE.md.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, inflateRawSync } from 'node:zlib'

const root = join(import.meta.dirname, '..')
const wheel = process.argv[2]
const archive = readFileSync(wheel ?? join(root, 'node_modules/@aws-cdk/asset-awscli-v1/lib/layer.zip'))

const SERVICES = {
  backup: { path: 'backup/2018-11-15', signingName: 'backup', iamPrefix: 'backup' },
  iam: { path: 'iam/2010-05-08', signingName: 'iam', iamPrefix: 'iam' },
  sts: { path: 'sts/2011-06-15', signingName: 'sts', iamPrefix: 'sts' },
  tagging: { path: 'resourcegroupstaggingapi/2017-01-26', signingName: 'tagging', iamPrefix: 'tag' },
} as const

const OF_WHEEL = {
  'iam-toolbox': { path: 'iam-toolbox/2018-05-10', signingName: 'iam', iamPrefix: 'iam' },
} as const

/**
 * What AWS's API reference has and the model not yet. The reference tells the request and that the answer is the policy's JSON; the
 * name of the answer's member is ours.
 */
const ADDED: Readonly<Record<string, { readonly operations: Json; readonly shapes: Json }>> = {
  'iam-toolbox': {
    operations: {
      GetRequestAuthorizationPolicy: {
        name: 'GetRequestAuthorizationPolicy',
        http: {
          method: 'GET',
          requestUri: '/authorization-details/{authorizationId}/policy',
          responseCode: 200,
        },
        input: { shape: 'GetRequestAuthorizationPolicyInput' },
        output: { shape: 'GetRequestAuthorizationPolicyOutput' },
        errors: [
          { shape: 'AccessDeniedException' },
          { shape: 'ResourceNotFoundException' },
          { shape: 'ValidationException' },
          { shape: 'InternalServerException' },
        ],
      },
    },
    shapes: {
      GetRequestAuthorizationPolicyInput: {
        type: 'structure',
        required: ['authorizationId', 'policyUri'],
        members: {
          authorizationId: {
            shape: 'GetRequestAuthorizationDetailsInputAuthorizationIdString',
            location: 'uri',
            locationName: 'authorizationId',
          },
          policyUri: { shape: 'String', location: 'querystring', locationName: 'policyUri' },
        },
      },
      GetRequestAuthorizationPolicyOutput: {
        type: 'structure',
        required: ['policyDocument'],
        members: { policyDocument: { shape: 'Document' } },
      },
    },
  },
}

type Json = Record<string, unknown>

/** Finds a file in the zip archive by the end of its name, by way of the central directory. */
function unzip(suffix: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  const entries = archive.readUInt16LE(end + 10)
  let at = archive.readUInt32LE(end + 16)
  for (let i = 0; i < entries; i++) {
    const nameLength = archive.readUInt16LE(at + 28)
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength)
    if (name.endsWith(suffix))
      return fileAt(
        archive.readUInt32LE(at + 42),
        archive.readUInt32LE(at + 20),
        archive.readUInt16LE(at + 10),
      )
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
  throw new Error(`the archive has no file that ends with ${suffix}`)
}

function fileAt(header: number, size: number, method: number): Buffer {
  const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28)
  const bytes = archive.subarray(start, start + size)
  return method === 0 ? bytes : inflateRawSync(bytes)
}

const PROSE = new Set([
  'documentation',
  'documentationUrl',
  'synonyms',
  'examples',
  'deprecatedMessage',
  'deprecatedSince',
  'authtype',
  'endpoint',
  'auth',
])

/** Drops what is prose, whatever the depth; members and shapes may be called like it, so it keeps those of objects' names. */
function strip(value: unknown, isNameMap: boolean = false): unknown {
  if (Array.isArray(value)) return value.map((item) => strip(item))
  if (typeof value !== 'object' || value === null) return value
  const out: Json = {}
  for (const [key, inner] of Object.entries(value)) {
    if (!isNameMap && PROSE.has(key)) continue
    out[key] = strip(inner, !isNameMap && (key === 'members' || key === 'shapes' || key === 'operations'))
  }
  return out
}

const services = wheel === undefined ? SERVICES : OF_WHEEL
for (const [name, { path, signingName, iamPrefix }] of Object.entries(services)) {
  const file = unzip(`botocore/data/${path}/service-2.json${wheel === undefined ? '' : '.gz'}`)
  const source = JSON.parse((wheel === undefined ? file : gunzipSync(file)).toString()) as {
    metadata: Json
    operations: Json
    shapes: Json
  }
  const { apiVersion, protocol, xmlNamespace, targetPrefix, jsonVersion } = source.metadata
  const model = {
    metadata: { name, signingName, iamPrefix, apiVersion, protocol, xmlNamespace, targetPrefix, jsonVersion },
    operations: strip({ ...source.operations, ...ADDED[name]?.operations }, true),
    shapes: strip({ ...source.shapes, ...ADDED[name]?.shapes }, true),
  }
  writeFileSync(join(root, 'models', `${name}.json`), `${JSON.stringify(model, null, 1)}\n`)
}
