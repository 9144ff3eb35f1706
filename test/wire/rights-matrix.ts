import { readFileSync } from 'node:fs'
import { SERVICE_NAMES, modelOf } from '../../src/aws/model.ts'
import type { OperationModel, ServiceModel } from '../../src/aws/model.ts'

/** A row of rights-matrix.txt: who is let by, and who may be at most by the section it stands in. */
export type Row = { readonly atMost: readonly string[]; readonly allowed: readonly string[] }

/** The rows of rights-matrix.txt by `service:Operation`. */
export function readMatrix(): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>()
  let atMost: readonly string[] = []
  for (const line of readFileSync(new URL('rights-matrix.txt', import.meta.url), 'utf8').split('\n')) {
    const [name = '', ...rest] = line.trim().split(/\s+/)
    if (line.startsWith('at most:')) atMost = rest.slice(1)
    else if (name.includes(':') && !line.startsWith('#')) {
      if (rows.has(name)) throw new Error(`${name} stands twice in rights-matrix.txt`)
      rows.set(name, { atMost, allowed: rest })
    }
  }
  return rows
}

/** Every operation of every model. */
export const EVERY: readonly (readonly [ServiceModel, OperationModel])[] = SERVICE_NAMES.map(modelOf).flatMap(
  (model) => Object.values(model.operations).map((operation) => [model, operation] as const),
)

export function nameOf(model: ServiceModel, { name }: OperationModel): string {
  return `${model.metadata.name}:${name}`
}

/** Operations that have no row yet. */
export function unplaced(): readonly string[] {
  const rows = readMatrix()
  return EVERY.map(([model, operation]) => nameOf(model, operation)).filter((name) => !rows.has(name))
}
