import { parseArn } from '../lib/arn.ts'
import { findFramework } from '../store/compliance/frameworks.ts'
import type { FrameworkTable } from '../store/compliance/schema-frameworks.ts'
import type { Queryable } from '../store/store.ts'
import type { FrameworkControl } from './controls.ts'
import { allFindings } from './evaluate.ts'
import type { ReportItem, ReportScope } from './report.ts'

interface Held {
  readonly framework: FrameworkTable
  readonly control: FrameworkControl
}

/** One item for each thing that a control looks at and can judge. */
export async function* resourceItems(
  db: Queryable,
  scope: ReportScope,
): AsyncGenerator<ReportItem, void, void> {
  for await (const held of controlsOf(db, scope)) {
    for await (const finding of allFindings(db, placeOf(held, scope), held.control)) {
      if (finding.status === 'NOT_APPLICABLE') continue
      yield {
        ...named(held),
        resourceId: finding.resourceId,
        resourceType: finding.resourceType,
        resourceComplianceStatus: finding.status,
        lastEvaluationTime: new Date(scope.to).toISOString(),
      }
    }
  }
}

/** One item for each control. */
export async function* controlItems(
  db: Queryable,
  scope: ReportScope,
): AsyncGenerator<ReportItem, void, void> {
  for await (const held of controlsOf(db, scope)) {
    const counts = { COMPLIANT: 0, NON_COMPLIANT: 0, NOT_APPLICABLE: 0 }
    for await (const { status } of allFindings(db, placeOf(held, scope), held.control)) counts[status]++
    const { ControlScope = {}, ControlInputParameters = [] } = held.control
    const parameters = ControlInputParameters.map((one) => [one.ParameterName, one.ParameterValue])
    yield {
      ...named(held),
      controlComplianceStatus: statusOf(counts),
      lastEvaluationTime: new Date(scope.to).toISOString(),
      numResourcesCompliant: counts.COMPLIANT,
      numResourcesNonCompliant: counts.NON_COMPLIANT,
      // Evaluated whenever somebody asks.
      controlFrequency: null,
      controlScope: textOf(ControlScope),
      controlParameters: textOf(Object.fromEntries(parameters)),
    }
  }
}

/** Frameworks that are gone are left out: what reports say of them is nothing. */
async function* controlsOf(db: Queryable, scope: ReportScope): AsyncGenerator<Held, void, void> {
  for (const arn of scope.frameworkArns) {
    const framework = await frameworkOfArn(db, scope.accountId, arn)
    if (framework === undefined) continue
    for (const control of JSON.parse(framework.controls) as readonly FrameworkControl[])
      yield { framework, control }
  }
}

/** The framework of this account that an ARN names. */
export async function frameworkOfArn(
  db: Queryable,
  accountId: string,
  arn: string,
): Promise<FrameworkTable | undefined> {
  const { region = '', resource = '' } = parseArn(arn) ?? {}
  const [, name, id] = /^framework:([^:-]+)-([^:]+)$/.exec(resource) ?? []
  const framework = name === undefined ? undefined : await findFramework(db, { accountId, region }, name)
  return framework?.framework_id === id ? framework : undefined
}

const placeOf = ({ framework }: Held, scope: ReportScope) => ({
  accountId: framework.account_id,
  region: framework.region,
  now: scope.to,
})

const named = ({ framework, control }: Held) => ({
  accountId: framework.account_id,
  region: framework.region,
  frameworkName: framework.name,
  frameworkDescription: framework.description ?? '',
  controlName: control.ControlName,
})

function statusOf(counts: { readonly COMPLIANT: number; readonly NON_COMPLIANT: number }): string {
  if (counts.NON_COMPLIANT > 0) return 'NON_COMPLIANT'
  return counts.COMPLIANT > 0 ? 'COMPLIANT' : 'NOT_APPLICABLE'
}

const textOf = (value: object): string => (Object.keys(value).length === 0 ? '' : JSON.stringify(value))
