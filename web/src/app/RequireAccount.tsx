import { Navigate, Outlet, useLocation } from 'react-router';
import { useSignedIn } from './api_context.ts';

/** Pages of an account: whoever is not signed in signs in first and comes back. */
export function RequireAccount() {
  const location = useLocation();
  if (useSignedIn()) return <Outlet />;
  return <Navigate to={`/login?next=${encodeURIComponent(location.pathname + location.search)}`} replace />;
}
