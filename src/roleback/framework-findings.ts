import { hash } from 'node:crypto'
import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  FrameworkFinding,
  ListFrameworkFindingsInput,
  ListFrameworkFindingsOutput,
} from '../aws/generated/roleback.ts'
import type { FrameworkControl } from '../compliance/controls.ts'
import { findingsOf } from '../compliance/evaluate.ts'
import type { Finding } from '../compliance/finding.ts'
import type { Context } from '../context.ts'
import { arnOf } from '../lib/arn.ts'
import { findFramework } from '../store/compliance/frameworks.ts'
import type { Cursor } from '../store/page.ts'
import { nextToken, pageOf } from './paging.ts'

/** Things looked at for one answer: a filter that almost nothing meets gives short pages rather than long waits. */
const MAX_LOOKED_AT = 10_000
const NO_ID = '00000000-0000-0000-0000-000000000000'

/** The ARN that the call is decided on, as AWS's own calls on the framework are. */
export async function frameworkOf(
  ctx: Context,
  { FrameworkName: name }: { readonly FrameworkName: string },
): Promise<string> {
  const row = await findFramework(ctx.store.db, ctx, name)
  return arnOf('backup', ctx.region, ctx.accountId, `framework:${name}-${row?.framework_id ?? NO_ID}`)
}

/**
 * What each control of a framework says now of each thing it looks at, and why: control by control, evaluated as it is asked. A page
 * may be empty and yet have a NextToken.
 */
export async function listFrameworkFindings(
  ctx: Context,
  input: ListFrameworkFindingsInput,
): Promise<ListFrameworkFindingsOutput> {
  const framework = await findFramework(ctx.store.db, ctx, input.FrameworkName)
  if (framework === undefined)
    throw new ResourceNotFoundException(`Cannot find framework ${input.FrameworkName}`, {
      Context: input.FrameworkName,
    })
  const controls = (JSON.parse(framework.controls) as readonly FrameworkControl[]).filter(
    ({ ControlName }) => input.ControlName === undefined || ControlName === input.ControlName,
  )
  if (controls.length === 0)
    throw new InvalidParameterValueException(
      `Framework ${framework.name} has no control "${input.ControlName ?? ''}"`,
    )
  // A token counts controls: one given before they were changed is none any more.
  const version = hash('sha256', framework.controls).slice(0, 16)
  const list = `ListFrameworkFindings ${framework.framework_id} ${version} ${input.ControlName ?? ''}`
  const { limit, after } = pageOf(ctx, list, input)
  const found: Finding[] = []
  let [at, cursor] = startOf(after)
  for (let lookedAt = 0; at < controls.length && found.length < limit && lookedAt < MAX_LOOKED_AT;) {
    const findings = await findingsOf(ctx.store.db, ctx, controls[at] as FrameworkControl)
    const size = limit - found.length
    const { rows, next } = await findings({ limit: size, after: cursor })
    found.push(...rows.filter(({ status }) => input.Status === undefined || status === input.Status))
    lookedAt += size
    cursor = next
    if (next === undefined) at++
  }
  const isLast = at >= controls.length
  return {
    Findings: found.map(toFinding),
    NextToken: nextToken(ctx, list, isLast ? undefined : [String(at), ...(cursor ?? [])]),
  }
}

/** Which control a page begins with, and where in what that looks at. */
function startOf(after: Cursor | undefined): [number, Cursor | undefined] {
  const [at = '0', ...cursor] = after ?? []
  return [Number(at), cursor.length === 0 ? undefined : cursor]
}

function toFinding({
  controlName,
  resourceType,
  resourceId,
  arn,
  status,
  reason,
}: Finding): FrameworkFinding {
  return {
    ControlName: controlName,
    ResourceType: resourceType,
    ResourceId: resourceId,
    ResourceArn: arn,
    Status: status,
    Reason: reason,
  }
}
