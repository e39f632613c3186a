import { z } from 'zod';
import type { ConfigEntry } from '#gen/rail/config/v1/config_pb.ts';
import type { GrayRule } from '#kit/base/gray.ts';

/** What a version of a setting says: to everybody, and to those whom its gray rule chooses. */
export type Values = { value: unknown; gray: { rule: GrayRule; value: unknown } | undefined };

export type Read = { ok: true; values: Values } | { ok: false; problem: string };

/** Both values or neither: a version is used whole. The problem says where a value is wrong, not what it is. */
export function valuesOf({ valueJson, gray }: Pick<ConfigEntry, 'valueJson' | 'gray'>, shape: z.ZodType): Read {
  const value = parsed(valueJson, shape);
  if (!value.ok) return value;
  if (gray === undefined) return { ok: true, values: { value: value.value, gray: undefined } };
  const chosen = parsed(gray.valueJson, shape);
  if (!chosen.ok) return { ok: false, problem: `gray: ${chosen.problem}` };
  const rule = { percent: gray.percent, cities: new Set(gray.cities), channels: new Set(gray.channels), account_ids: new Set(gray.accountIds) };
  return { ok: true, values: { value: value.value, gray: { rule, value: chosen.value } } };
}

function parsed(json: string, shape: z.ZodType): { ok: true; value: unknown } | { ok: false; problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { ok: false, problem: 'is not JSON' };
  }
  const result = shape.safeParse(value);
  return result.success ? { ok: true, value: result.data } : { ok: false, problem: z.prettifyError(result.error) };
}
