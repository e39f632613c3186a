import { fnv1a64 } from '#kit/base/hash.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';

export type Page = { offset: number; size: number };

/** `page_size` 0 means the default; more than the limit is refused. */
export function pageOf(page_size: number, page_token: string, of: string, limits: { fallback: number; max: number }): Result<Page> {
  if (page_size > limits.max) return fieldInvalid('page_size', `is at most ${limits.max}`);
  const size = page_size === 0 ? limits.fallback : page_size;
  if (page_token === '') return ok({ offset: 0, size });
  const [offset, digest] = page_token.split('.');
  // A token belongs to its search: with another one it would skip or repeat.
  if (!/^\d{1,6}$/.test(offset ?? '') || digest !== digestOf(of)) return fail('PAGE_TOKEN_INVALID');
  return ok({ offset: Number(offset), size });
}

export function nextToken({ offset, size }: Page, total: number, of: string): string {
  return offset + size >= total ? '' : `${offset + size}.${digestOf(of)}`;
}

function digestOf(text: string): string {
  return fnv1a64(text).toString(36);
}
