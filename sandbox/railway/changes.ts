import { z } from 'zod';
import { checksumOfChange, RUN_CHANGE, type RunChange } from '../../timetable/run_change.ts';
import type { Faults } from '../shared/faults.ts';
import { escapeHtml, page } from '../shared/html.ts';
import { Refusal, type Route } from '../shared/route.ts';

const PATH = '/v1/run-changes';
const PAGE_LIMIT = 200;

/** What dispatchers say; the sequence is counted here. */
const BODY = RUN_CHANGE.omit({ sequence: true }).partial({ cancelled: true, reason_zh: true, reason_en: true, stops: true });

/** Changes of running trains, the newest of each run. */
export class RunChanges {
  readonly #by_run = new Map<string, RunChange>();
  #sequence = 0;

  take(change: RunChange): void {
    this.#sequence = Math.max(this.#sequence, change.sequence);
    this.#by_run.set(change.run_id, change);
  }

  next(body: z.output<typeof BODY>): RunChange {
    return { cancelled: false, reason_zh: '', reason_en: '', stops: [], ...body, sequence: this.#sequence + 1 };
  }

  after(sequence: number): RunChange[] {
    return this.list().filter((change) => change.sequence > sequence);
  }

  list(): RunChange[] {
    return [...this.#by_run.values()].toSorted((left, right) => left.sequence - right.sequence);
  }
}

/** Our services read changes; dispatchers (tests, demos, drills) make them, unsigned as all knobs of the sandbox. */
export function changeRoutes(changes: RunChanges, faults: Faults, keep: (change: RunChange) => Promise<void>): Route[] {
  return [
    {
      method: 'GET', path: PATH, signed: true,
      handle({ query }) {
        const after = changes.after(Number(query.get('after') ?? 0));
        const shown = after.slice(0, PAGE_LIMIT).map((change) => ({ change, checksum: checksumOfChange(change) }));
        if (shown[0] !== undefined && faults.take(PATH, 'garbled_change') !== undefined) shown[0] = { ...shown[0], change: { ...shown[0].change, cancelled: !shown[0].change.cancelled } };
        return { json: { changes: shown, more: after.length > PAGE_LIMIT } };
      },
    },
    { method: 'GET', path: '/sandbox/run-changes', signed: false, handle: () => ({ html: changesPage(changes.list()) }) },
    {
      method: 'POST', path: '/sandbox/run-changes', signed: false,
      async handle({ json }) {
        const parsed = BODY.safeParse(json);
        if (!parsed.success) throw new Refusal(400, z.prettifyError(parsed.error));
        const change = changes.next(parsed.data);
        changes.take(change);
        await keep(change);
        return { json: { change } };
      },
    },
  ];
}

function changesPage(changes: readonly RunChange[]): string {
  const rows = changes.map((change) => `<tr><td>${change.sequence}</td><td>${escapeHtml(change.run_id)}</td><td><code>${escapeHtml(JSON.stringify({ ...change, run_id: undefined, sequence: undefined }))}</code></td></tr>`);
  const how = `<pre>curl -X POST …/sandbox/run-changes -H 'content-type: application/json' -d '{"run_id":"G101.20261122","cancelled":true,"reason_zh":"暴雨","reason_en":"heavy rain"}'
… -d '{"run_id":"G101.20261122","stops":[{"stop_sequence":3,"arrival_s":36000,"departure_s":36120}]}'
… -d '{"run_id":"G101.20261122","coaches":[{"coach_no":1,"seat_class":"second","layout_id":"second-90","seat_count":90}]}'
… -d '{"run_id":"G101.20261122"}'   (as the timetable again · 恢复图定)</pre>`;
  return page('railway · 调度命令 run changes', `<table><tr><th>#</th><th>run</th><th></th></tr>${rows.join('')}</table>${how}`);
}
