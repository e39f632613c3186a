import test from 'ava';
import fc from 'fast-check';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import { mergeAudit, type AuditPart } from './audit_pages.ts';

type Kept = { audit_id: string };

/** One service's answer for a page: as kit/audit gives it. */
function partOf(kept: readonly Kept[], after: string | undefined, limit: number): AuditPart<Kept> {
  const older = kept.filter(({ audit_id }) => after === undefined || audit_id < after).toSorted((a, b) => (a.audit_id < b.audit_id ? 1 : -1));
  return { records: older.slice(0, limit), more: older.length > limit };
}

/** The pages that an operator sees, and how many there may be at most. */
function pagesOf(services: readonly (readonly Kept[])[], page_size: number, at_most: number): Kept[][] {
  const pages: Kept[][] = [];
  for (let after: string | undefined; ; ) {
    const { records, next } = mergeAudit(services.map((kept) => partOf(kept, after, page_size)), page_size);
    pages.push(records);
    if (next === undefined || pages.length > at_most) return pages;
    after = next;
  }
}

const byte = fc.integer({ min: 0, max: 255 });
// Few moments, so that many records are of the same one.
const record = fc.record({ time_ms: fc.integer({ min: 0, max: 3 }), random: fc.array(byte, { minLength: 10, maxLength: 10 }) }).map(({ time_ms, random }): Kept => ({ audit_id: formatUuid7(time_ms, Uint8Array.from(random)) }));
const records = fc.uniqueArray(record, { selector: ({ audit_id }) => audit_id, maxLength: 40 });

test('however records are spread over services, the pages are those of one sorted list', (t) => {
  fc.assert(
    fc.property(records, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 12 }), (all, places, services, page_size) => {
      const split = Array.from({ length: services }, (_, service) => all.filter((_, index) => places[index]! % services === service));
      const sorted = all.map(({ audit_id }) => audit_id).toSorted().toReversed();
      const wanted = Array.from({ length: Math.max(1, Math.ceil(sorted.length / page_size)) }, (_, page) => sorted.slice(page * page_size, (page + 1) * page_size));
      t.deepEqual(pagesOf(split, page_size, sorted.length + 1).map((page) => page.map(({ audit_id }) => audit_id)), wanted);
    }),
  );
});

test('a page without records is the last one', (t) => {
  t.deepEqual(mergeAudit<Kept>([], 5), { records: [], next: undefined });
  t.deepEqual(mergeAudit<Kept>([{ records: [], more: false }], 5), { records: [], next: undefined });
});
