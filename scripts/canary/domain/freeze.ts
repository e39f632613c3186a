import { parse } from 'yaml';
import { formatRfc3339, SHANGHAI_OFFSET_MS } from '#kit/base/time.ts';
import type { Words } from './judge.ts';

/**
 * The freeze at an instant, from the data of the ConfigMap `change-freeze`: each entry a YAML text with `from`, `until` (Asia/Shanghai,
 * `2027-01-10 08:00`) and `reason`. An entry that can't be read is a freeze: a mistake in it must not open the door.
 */
export function freezeAt(data: Readonly<Record<string, string>>, now_ms: number): Words | undefined {
  for (const [name, text] of Object.entries(data)) {
    const entry = readEntry(text);
    if (entry === undefined) return { en: `the entry ${name} of change-freeze can't be read (from, until: YYYY-MM-DD HH:MM; reason)`, zh: `change-freeze 的条目 ${name} 无法解析（需要 from、until：YYYY-MM-DD HH:MM，reason）` };
    if (now_ms >= entry.from_ms && now_ms < entry.until_ms) {
      const until = formatRfc3339(entry.until_ms).slice(0, 16).replace('T', ' ');
      return { en: `${entry.reason} (${name}, until ${until} Beijing time)`, zh: `${entry.reason}（${name}，至北京时间 ${until}）` };
    }
  }
  return undefined;
}

function readEntry(text: string): { from_ms: number; until_ms: number; reason: string } | undefined {
  try {
    const { from, until, reason } = parse(text) as Record<string, unknown>;
    const [from_ms, until_ms] = [instantOf(from), instantOf(until)];
    return from_ms === undefined || until_ms === undefined || until_ms <= from_ms || typeof reason !== 'string' || reason === '' ? undefined : { from_ms, until_ms, reason };
  } catch {
    return undefined;
  }
}

function instantOf(value: unknown): number | undefined {
  const found = typeof value === 'string' ? /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(?::00)?(?:\+08:00)?$/.exec(value) : null;
  if (found === null) return undefined;
  const utc_ms = Date.parse(`${found[1]}T${found[2]}:00Z`);
  return Number.isNaN(utc_ms) ? undefined : utc_ms - SHANGHAI_OFFSET_MS;
}
