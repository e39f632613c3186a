import { fnv1a64 } from '#kit/base/hash.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';

export type Page = { offset: number; size: number };

/** What a token belongs to; asked for only where there is a token, since most answers are one page. */
export type Identity = string | (() => string);

/** `page_size` 0 means the default; more than the limit is refused. */
export function pageOf(page_size: number, page_token: string, of: Identity, limits: { fallback: number; max: number }): Result<Page> {
  if (page_size > limits.max) return fieldInvalid('page_size', `is at most ${limits.max}`);
  const size = page_size === 0 ? limits.fallback : page_size;
  if (page_token === '') return ok({ offset: 0, size });
  const offset = Number(/^(\d{1,6})\./.exec(page_token)?.[1]);
  // A token belongs to its search: with another one, or with another place in it, pages would skip or repeat.
  if (Number.isNaN(offset) || page_token !== tokenOf(offset, of)) return fail('PAGE_TOKEN_INVALID');
  return ok({ offset, size });
}

export function nextToken({ offset, size }: Page, total: number, of: Identity): string {
  return offset + size >= total ? '' : tokenOf(offset + size, of);
}

/** No secret: whoever makes one up gets no more than by turning the pages. */
function tokenOf(offset: number, of: Identity): string {
  return `${offset}.${fnv1a64(`${offset} ${typeof of === 'string' ? of : of()}`).toString(36)}`;
}
