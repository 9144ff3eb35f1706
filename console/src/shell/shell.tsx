import Spinner from '@cloudscape-design/components/spinner'
import { useIsFetching } from '@tanstack/react-query'
import { Suspense, lazy } from 'react'
import type { ComponentType, ReactNode } from 'react'
import { Route, Routes, useLocation } from 'react-router'
import { Frame } from './frame.tsx'
import { TopBar } from './top-bar.tsx'
import { Notices } from '../parts/notices.tsx'

function screen(load: () => Promise<ComponentType>): ComponentType {
  return lazy(async () => ({ default: await load() }))
}

const Overview = screen(async () => (await import('../screens/overview.tsx')).Overview)
const Resources = screen(async () => (await import('../screens/resources.tsx')).Resources)
const Resource = screen(async () => (await import('../screens/resource.tsx')).Resource)
const AddResource = screen(async () => (await import('../screens/add-resource.tsx')).AddResource)
const Discovery = screen(async () => (await import('../screens/discovery.tsx')).Discovery)
const BackUp = screen(async () => (await import('../screens/back-up.tsx')).BackUp)
const Jobs = screen(async () => (await import('../screens/jobs.tsx')).Jobs)
const Job = screen(async () => (await import('../screens/job.tsx')).Job)
const Vaults = screen(async () => (await import('../screens/vaults.tsx')).Vaults)
const Vault = screen(async () => (await import('../screens/vault.tsx')).Vault)
const Restore = screen(async () => (await import('../screens/restore.tsx')).Restore)
const Plans = screen(async () => (await import('../screens/plans.tsx')).Plans)
const Plan = screen(async () => (await import('../screens/plan/plan.tsx')).Plan)
const CreatePlan = screen(async () => (await import('../screens/create-plan.tsx')).CreatePlan)
const EditPlan = screen(async () => (await import('../screens/edit-plan.tsx')).EditPlan)
const Assign = screen(async () => (await import('../screens/assignments/assign.tsx')).Assign)
const Assignment = screen(async () => (await import('../screens/assignments/assignment.tsx')).Assignment)
const PlanVersion = screen(async () => (await import('../screens/plan/plan-version.tsx')).PlanVersion)
const Access = screen(async () => (await import('../screens/access/access.tsx')).Access)
const Explain = screen(async () => (await import('../screens/access/explain.tsx')).Explain)
const Identity = lazy(async () => ({ default: (await import('../screens/access/identity.tsx')).Identity }))
const ManagedPolicy = screen(async () => (await import('../screens/access/policy.tsx')).ManagedPolicy)
const Simulate = screen(async () => (await import('../screens/access/simulate.tsx')).Simulate)
const Audit = screen(async () => (await import('../screens/audit.tsx')).Audit)
const Search = screen(async () => (await import('../screens/search.tsx')).Search)
const Frameworks = screen(async () => (await import('../screens/frameworks.tsx')).Frameworks)
const FrameworkFindings = screen(async () => (await import('../screens/framework.tsx')).FrameworkFindings)
const RestoreTesting = screen(async () => (await import('../screens/restore-testing.tsx')).RestoreTesting)
const RestoreTestingPlan = screen(
  async () => (await import('../screens/restore-testing-plan.tsx')).RestoreTestingPlan,
)
const Reports = screen(async () => (await import('../screens/reports.tsx')).Reports)
const LegalHolds = screen(async () => (await import('../screens/legal-holds.tsx')).LegalHolds)
const Hold = screen(async () => (await import('../screens/legal-hold.tsx')).Hold)
const Settings = screen(async () => (await import('../screens/settings/settings.tsx')).Settings)
const NotFound = screen(async () => (await import('../screens/not-found.tsx')).NotFound)

const HOLDERS = ['user', 'group', 'role'] as const

/** Everything round the screens: the bar, the way about, what happened. Screens come when they are first gone to. */
export function Shell(): ReactNode {
  const { pathname, search } = useLocation()
  const firstLoads = useIsFetching({ predicate: ({ state }) => state.data === undefined })
  return (
    <Frame top={<TopBar />}>
      <Notices />
      <Suspense fallback={<Spinner size="large" />}>
        <div data-screen={pathname + search} aria-busy={firstLoads > 0}>
          <Routes>
            <Route index element={<Overview />} />
            <Route path="resources" element={<Resources />} />
            <Route path="resources/add" element={<AddResource />} />
            <Route path="resources/discovery" element={<Discovery />} />
            <Route path="resources/:arn" element={<Resource />} />
            <Route path="back-up" element={<BackUp />} />
            <Route path="jobs" element={<Jobs />} />
            <Route path="jobs/:kind/:id" element={<Job />} />
            <Route path="vaults" element={<Vaults />} />
            <Route path="vaults/:name" element={<Vault />} />
            <Route path="restore/:vault/:arn" element={<Restore />} />
            <Route path="plans" element={<Plans />} />
            <Route path="plans/create" element={<CreatePlan />} />
            <Route path="plans/:id" element={<Plan />} />
            <Route path="plans/:id/edit" element={<EditPlan />} />
            <Route path="plans/:id/assign" element={<Assign />} />
            <Route path="plans/:id/assignments/:selection" element={<Assignment />} />
            <Route path="plans/:id/versions/:version" element={<PlanVersion />} />
            <Route path="access" element={<Access />} />
            <Route path="access/explain/:id?" element={<Explain />} />
            <Route path="access/simulate" element={<Simulate />} />
            {HOLDERS.map((kind) => (
              <Route key={kind} path={`access/${kind}/:name`} element={<Identity kind={kind} />} />
            ))}
            <Route path="access/policy/:name" element={<ManagedPolicy />} />
            <Route path="audit" element={<Audit />} />
            <Route path="search" element={<Search />} />
            <Route path="frameworks" element={<Frameworks />} />
            <Route path="frameworks/:name" element={<FrameworkFindings />} />
            <Route path="restore-testing" element={<RestoreTesting />} />
            <Route path="restore-testing/:name" element={<RestoreTestingPlan />} />
            <Route path="reports" element={<Reports />} />
            <Route path="legal-holds" element={<LegalHolds />} />
            <Route path="legal-holds/:id" element={<Hold />} />
            <Route path="settings" element={<Settings />} />
            <Route path="*" element={<NotFound />} />
          </Routes>
        </div>
      </Suspense>
    </Frame>
  )
}
