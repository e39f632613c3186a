/**
 * Where to go after signing in. Only paths of this site: an address of another one would make the login page a springboard
 * for phishing (`//evil.example` and `/\evil.example` are addresses too).
 */
export function nextPath(search: URLSearchParams): string {
  const wish = search.get('next') ?? '/';
  return /^\/(?![/\\])/.test(wish) ? wish : '/';
}
