import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays, isServiceDate, serviceDateAt } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { JobWork, RunnableJob } from '../app/ports.ts';
import { alertRound, type AlertDeps } from './alert_round.ts';
import { archiveOrders, archiveRequestIds, republishEvents, type OwnRecords } from './housekeeping_works.ts';
import type { Peers } from './peers.ts';
import { reconcileStatement } from './statement_work.ts';
import { replayDeadLetters } from './replay_work.ts';

/** Today and the fourteen days after it. */
const SALE_DAYS = 15;
const OPEN_TIMEOUT_MS = 300_000;
/** While a long call is under way the run tells that it lives. */
const HEARTBEAT_MS = 10_000;

/** Every job there is, with what it does at other services. */
export function jobsOver(peers: Peers, own: OwnRecords, alerts: AlertDeps): RunnableJob[] {
  return [
    { job_id: 'sync-timetable', title_zh: '同步运行图', title_en: 'Fetch the railway timetable', schedule: '30 2 * * *', off_peak_only: true, work: syncTimetable(peers) },
    { job_id: 'open-sales', title_zh: '开售预售期车次', title_en: 'Open sales of the sale window', schedule: '0 3 * * *', off_peak_only: true, work: openSales(peers) },
    { job_id: 'reconcile-inventory', title_zh: '库存对账', title_en: 'Reconcile Redis, ledger and orders', schedule: '30 3 * * *', off_peak_only: true, work: reconcileInventory(peers) },
    { job_id: 'rebuild-inventory', title_zh: '由账本重建库存', title_en: 'Rebuild Redis from the ledger', schedule: '', off_peak_only: false, work: rebuildInventory(peers) },
    { job_id: 'reconcile-statement', title_zh: '支付对账（网关、支付、订单、车票）', title_en: 'Reconcile the statement of the payment gateway with payments, orders and tickets', schedule: '0 4 * * *', off_peak_only: true, work: reconcileStatement(peers) },
    { job_id: 'archive-request-ids', title_zh: '归档幂等记录', title_en: 'Archive answers by request id', schedule: '30 4 * * *', off_peak_only: true, work: archiveRequestIds(peers, own) },
    { job_id: 'index-orders', title_zh: '重建订单检索索引', title_en: 'Fill the search index of orders anew', schedule: '', off_peak_only: true, work: indexOrders(peers) },
    { job_id: 'archive-orders', title_zh: '归档历史订单', title_en: 'Archive orders of the past', schedule: '45 4 * * *', off_peak_only: true, work: archiveOrders(peers) },
    { job_id: 'alert-round', title_zh: '告警巡检', title_en: 'Alert round', schedule: '*/5 * * * *', off_peak_only: false, work: alertRound(alerts) },
    { job_id: 'replay-dead-letters', title_zh: '批量重放死信', title_en: 'Replay dead letters in bulk', schedule: '', off_peak_only: true, work: replayDeadLetters(alerts.bus) },
    { job_id: 'republish-events', title_zh: '回溯重放事件流', title_en: 'Publish a stream again from a time', schedule: '', off_peak_only: true, work: republishEvents(peers) },
  ];
}

function syncTimetable({ query }: Peers): JobWork {
  return async (_, __, signal) => {
    const { active, changed } = await query.syncTimetable({ requestId: newId() }, { signal, timeout_ms: 120_000 });
    return { version: active?.version, stations: active?.stationCount, trains: active?.trainCount, changed };
  };
}

/** Pages until the new index has taken over; the old one serves meanwhile. */
function indexOrders({ order }: Peers): JobWork {
  return async (_, progress, signal) => {
    let [indexed, page_token] = [0, ''];
    do {
      signal.throwIfAborted();
      const page = await order.rebuildOrderIndex({ pageToken: page_token }, { signal, timeout_ms: 30_000 });
      indexed += page.indexed;
      page_token = page.nextPageToken;
      await progress(page_token.startsWith('catch_up') ? 90 : 50, { indexed });
    } while (page_token !== '');
    return { indexed };
  };
}

/** Arguments: `service_date` for one day; all of the window without. */
function openSales({ inventory }: Peers): JobWork {
  return async (args, progress, signal) => {
    const one = typeof args.service_date === 'string' ? args.service_date : undefined;
    if (one !== undefined && !isServiceDate(one)) throw new Error('service_date must be YYYY-MM-DD');
    const today = serviceDateAt(systemClock.now_ms());
    const dates = one === undefined ? Array.from({ length: SALE_DAYS }, (_, day) => addDays(today, day)) : [one];
    const report: { service_date: string; opened: number; already_open: number; refused: string[] }[] = [];
    for (const [index, service_date] of dates.entries()) {
      const call = inventory.openRuns({ requestId: newId(), serviceDate: service_date }, { signal, timeout_ms: OPEN_TIMEOUT_MS });
      const { opened, alreadyOpen, refused } = await alive(call, progress, (index / dates.length) * 100);
      report.push({ service_date, opened, already_open: alreadyOpen, refused });
      await progress(((index + 1) / dates.length) * 100, report);
    }
    return report;
  };
}

/** Arguments: `run_ids` for some runs, all without; `dry_run` to report only. Each difference is named, and how many there are of a kind. */
function reconcileInventory({ inventory }: Peers): JobWork {
  return async (args, progress, signal) => {
    const run_ids = Array.isArray(args.run_ids) ? args.run_ids.map(String) : [];
    const call = inventory.reconcile({ requestId: newId(), runIds: run_ids, dryRun: args.dry_run === true }, { signal, timeout_ms: OPEN_TIMEOUT_MS });
    const { runsChecked, differences, differencesOmitted } = await alive(call, progress, 0);
    const kinds: Record<string, { found: number; repaired: number }> = {};
    for (const { kind, repaired } of differences) {
      const counted = (kinds[kind] ??= { found: 0, repaired: 0 });
      counted.found += 1;
      if (repaired) counted.repaired += 1;
    }
    const named = differences.map(({ kind, runId: run_id, seat, holdId: hold_id, orderId: order_id, repaired, explanation }) => ({ kind, run_id, seat, hold_id, order_id, repaired, explanation }));
    return { runs_checked: runsChecked, kinds, differences: named, differences_omitted: differencesOmitted };
  };
}

function rebuildInventory({ inventory }: Peers): JobWork {
  return async (_, progress, signal) => {
    const { buckets, runs, holds } = await alive(inventory.rebuildBuckets({ requestId: newId() }, { signal, timeout_ms: OPEN_TIMEOUT_MS }), progress, 0);
    return { buckets, runs, holds };
  };
}

/** Tells that the run lives while a long call is under way: one that is silent is taken for dead. */
function alive<T>(call: Promise<T>, progress: Parameters<JobWork>[1], percent: number): Promise<T> {
  const beat = setInterval(() => void progress(percent).catch(() => undefined), HEARTBEAT_MS);
  return call.finally(() => clearInterval(beat));
}

function newId(): string {
  return uuid7(systemClock, systemRandom);
}
