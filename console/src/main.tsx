import '@cloudscape-design/global-styles/index.css'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router'
import { applyAppearance } from './shell/appearance.ts'
import { Gate } from './shell/gate.tsx'

applyAppearance()

/** What one answer is good for, in milliseconds: moving between screens asks no more often. */
const FRESH_MS = 2_000

const queries = new QueryClient({
  defaultOptions: {
    queries: { staleTime: FRESH_MS, retry: false, refetchOnWindowFocus: true, throwOnError: false },
  },
})

createRoot(document.querySelector('#root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <BrowserRouter basename="/console">
        <Gate />
      </BrowserRouter>
    </QueryClientProvider>
  </StrictMode>,
)
