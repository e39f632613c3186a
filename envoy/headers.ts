/** OWASP secure headers, on every answer; the page needs nothing from anywhere else. */
export function securityHeaders(): Record<string, string> {
  return {
    'content-security-policy':
      "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  };
}

/** Where TLS is spoken: browsers come no other way from then on. Elsewhere it may not be said (RFC 6797, 7.2). */
export const HSTS = { 'strict-transport-security': 'max-age=31536000' };
