/** `account=42`, `city=…`, `channel=app`: the header that the edge sets from the verified token. */
export type Only = { header: string; value: string };

export const HEADERS: Readonly<Record<string, string>> = { account: 'x-account-id', city: 'x-city', channel: 'x-channel' };

/** Undefined for anything else. */
export function readOnly(text: string): Only | undefined {
  const at = text.indexOf('=');
  const [name, value] = [text.slice(0, at), text.slice(at + 1).trim()];
  const header = Object.hasOwn(HEADERS, name) ? HEADERS[name] : undefined;
  return at < 0 || value === '' || header === undefined ? undefined : { header, value };
}
