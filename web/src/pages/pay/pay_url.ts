/** The cashier's address when it is one to go to: http(s) only, since `javascript:` is an address too. */
export function cashierUrl(pay_url: string, base: string): string | undefined {
  if (pay_url === '' || !URL.canParse(pay_url, base)) return undefined;
  const { protocol, href } = new URL(pay_url, base);
  return protocol === 'https:' || protocol === 'http:' ? href : undefined;
}
