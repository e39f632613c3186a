import { timestampFromMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { parseRfc3339 } from '#kit/base/time.ts';
import { Told, words } from '../say.ts';

/** What `KEY=VALUE…` says, by key; other keys than these are told. */
export function conditionsOf<K extends string>(keys: readonly K[], args: readonly string[]): Partial<Record<K, string>> {
  const given = args.map((arg) => [arg.slice(0, arg.indexOf('=')), arg.slice(arg.indexOf('=') + 1)] as const);
  if (given.some(([key]) => !(keys as readonly string[]).includes(key))) throw tellConditions(keys);
  return Object.fromEntries(given) as Partial<Record<K, string>>;
}

export function tellConditions(keys: readonly string[]): Told {
  const all = keys.map((key) => `${key}=…`).join(' ');
  return new Told(`Conditions are ${all}`, `检索条件：${all}`);
}

/** `2026-11-22T08:00:00+08:00`, or a day, from its beginning in China. */
export function timeOf(text: string | undefined): Timestamp | undefined {
  if (text === undefined) return undefined;
  const ms = parseRfc3339(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00+08:00` : text);
  if (ms === undefined) throw new Told(`${text} is no time`, `${text} 不是时间`);
  return timestampFromMs(ms);
}

/** The line that leads to the next page; nothing at the end. */
export function moreLine(page_token: string): string {
  return page_token === '' ? '' : `\n${words('more', '下一页')}: page=${page_token}`;
}
