import { CONFIG_TYPES } from './controls.ts'
import type { FrameworkControl } from './controls.ts'

/** What a control says of one thing it looks at. */
export interface Finding {
  readonly controlName: string
  /** AWS Config's, such as `AWS::EFS::FileSystem`. */
  readonly resourceType: string
  /** AWS's form in reports: TYPE/NAME. */
  readonly resourceId: string
  readonly arn: string
  /** NOT_APPLICABLE: there is nothing to judge it by yet; it counts for neither side. */
  readonly status: 'COMPLIANT' | 'NON_COMPLIANT' | 'NOT_APPLICABLE'
  /** Why, as a sentence without a full stop. */
  readonly reason: string
}

export type Verdict = Pick<Finding, 'status' | 'reason'>

export const compliant = (reason: string): Verdict => ({ status: 'COMPLIANT', reason })
export const nonCompliant = (reason: string): Verdict => ({ status: 'NON_COMPLIANT', reason })
export const notApplicable = (reason: string): Verdict => ({ status: 'NOT_APPLICABLE', reason })

export function findingOf(
  control: FrameworkControl,
  { type, name, arn }: { readonly type: string; readonly name: string; readonly arn: string },
  verdict: Verdict,
): Finding {
  const resourceType = CONFIG_TYPES[type] ?? type
  return {
    controlName: control.ControlName,
    resourceType,
    resourceId: `${resourceType}/${name}`,
    arn,
    ...verdict,
  }
}
