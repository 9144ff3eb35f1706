import { useLocation, useNavigate } from 'react-router'

/**
 * Out of a form that changes nothing: back to where one came from, and where it was opened by its address to a screen of the console.
 * @param to Its path.
 */
export function useLeave(to: string): () => void {
  const navigate = useNavigate()
  // The router's key of the first address that it saw: whatever lies before it is not the console.
  const isFirst = useLocation().key === 'default'
  return () => void (isFirst ? navigate(to) : navigate(-1))
}
