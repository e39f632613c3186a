import { createHash } from 'node:crypto';
import { toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DiscardDeadLettersRequestSchema, JobState, OpsService, ReplayDeadLettersRequestSchema, RunJobRequestSchema } from '#gen/rail/ops/v1/ops_pb.ts';
import { auditMessage, auditQueryOf } from '#kit/audit/service.ts';
import type { Bus } from '#kit/bus/bus.ts';
import { countDeadLetters, discardDeadLetter, listDeadLetters, replayDeadLetter, type DeadLetterFilter, type ListedDeadLetter } from '#kit/bus/dlq.ts';
import type { Call } from '#kit/rpc/call.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { explainOrder } from '../app/explain_order.ts';
import type { Jobs } from '../app/jobs.ts';
import type { Actor, AuditSources, JobStore, OrderSources, WriteAudit } from '../app/ports.ts';
import { searchAudit } from '../app/search_audit.ts';
import type { JobRun } from '../domain/job.ts';

export type OpsDeps = { jobs: Jobs; store: JobStore; bus: Bus; sources: OrderSources; audits: AuditSources; audit: WriteAudit };

/** The tenant whose operators serve everybody. */
const EVERYBODY = 'rail';
const PAGES = { fallback: 50, max: 200 };

export function opsService({ jobs, store, bus, sources, audits, audit }: OpsDeps): Implementation {
  return implement(OpsService, {
    async listJobs() {
      await store.failAbandoned();
      const last = await store.lastRuns();
      return {
        jobs: jobs.list().map(({ job_id, title_zh, title_en, schedule, off_peak_only }) => {
          const [run, next_ms, due] = [last.get(job_id), jobs.nextRunMs(job_id), jobs.due(job_id)];
          return {
            jobId: job_id, titleZh: title_zh, titleEn: title_en, schedule, offPeakOnly: off_peak_only,
            lastRun: run === undefined ? undefined : runMessage(run), nextRunTime: next_ms === undefined ? undefined : timestampFromMs(next_ms),
            heldZh: due?.held?.zh ?? '', heldEn: due?.held?.en ?? '', dueTime: due === undefined ? undefined : timestampFromMs(due.due_ms),
          };
        }),
      };
    },
    async runJob(request, call) {
      await store.failAbandoned();
      return { run: runMessage(unwrap(await jobs.run(request.jobId, request.argumentsJson, actorOf(RunJobRequestSchema, request, call), request.despiteSale))) };
    },
    async getJobRun({ runId }) {
      const run = await store.find(runId);
      if (run === undefined) throw RpcError.of({ reason: 'JOB_NOT_FOUND' });
      return { run: runMessage(run) };
    },
    async listJobRuns({ jobId, pageSize, pageToken }) {
      const { items, next } = await store.runs(jobId, pageSizeOf(pageSize), pageToken === '' ? undefined : pageToken);
      return { runs: items.map(runMessage), nextPageToken: next ?? '' };
    },
    async listDeadLetters({ consumer, pageSize, pageToken }) {
      const after = pageToken === '' ? 0 : Number(pageToken);
      if (!Number.isSafeInteger(after) || after < 0) throw RpcError.of({ reason: 'PAGE_TOKEN_INVALID' });
      const [{ letters, next }, counts] = await Promise.all([listDeadLetters(bus, filterOf(consumer), { after, limit: pageSizeOf(pageSize) }), countDeadLetters(bus)]);
      const total = consumer === '' ? Object.values(counts).reduce((sum, count) => sum + count, 0) : (counts[consumer] ?? 0);
      return { deadLetters: letters.map(letterMessage), nextPageToken: next === undefined ? '' : String(next), total: BigInt(total) };
    },
    async replayDeadLetters(request, call) {
      const ids = await lettersOf(bus, request.deadLetterIds, request.consumer);
      const actor = actorOf(ReplayDeadLettersRequestSchema, request, call);
      let replayed = 0;
      for (const id of ids) {
        // One that is gone was replayed or discarded before: the wish is fulfilled.
        if (!(await replayDeadLetter(bus, id)).ok) continue;
        await audit({ operation: 'deadLetter.Replay', target: `dead-letter/${id}` }, actor);
        replayed += 1;
      }
      return { replayed };
    },
    async discardDeadLetters(request, call) {
      if (request.reason.trim() === '' || request.reason.length > 200) throw RpcError.of({ reason: 'FIELD_INVALID', detail: 'a reason of 1 to 200 characters', metadata: { field: 'reason' } });
      const ids = await lettersOf(bus, request.deadLetterIds, '');
      const actor = actorOf(DiscardDeadLettersRequestSchema, request, call);
      let discarded = 0;
      for (const id of ids) {
        if (!(await discardDeadLetter(bus, id)).ok) continue;
        await audit({ operation: 'deadLetter.Discard', target: `dead-letter/${id}: ${request.reason}`.slice(0, 120) }, actor);
        discarded += 1;
      }
      return { discarded };
    },
    async searchAudit(request, call) {
      // Records name no tenant: operators of a partner would see those of everybody.
      if (call.account?.tenant !== EVERYBODY) throw RpcError.of({ reason: 'NOT_ALLOWED' });
      const by = { account_id: call.account.account_id, device_id: call.device_id, ip: call.peer_ip };
      const { records, next, missing } = await searchAudit({ audits, audit }, unwrap(auditQueryOf(request)), by);
      return { records: records.map((record) => auditMessage(record.service, record)), nextPageToken: next ?? '', missingServices: missing };
    },
    async explainOrder({ orderId }) {
      const { order_id, state, happened, next } = await explainOrder(sources, orderId);
      return {
        orderId: order_id, state, nextZh: next.zh, nextEn: next.en,
        happened: happened.map(({ time_ms, service, what, text_zh, text_en, trace_id }) => ({ time: timestampFromMs(time_ms), service, what, textZh: text_zh, textEn: text_en, traceId: trace_id })),
      };
    },
  });
}

function pageSizeOf(asked: number): number {
  if (asked > PAGES.max) throw RpcError.of({ reason: 'FIELD_INVALID', detail: `page_size is at most ${PAGES.max}`, metadata: { field: 'page_size' } });
  return asked === 0 ? PAGES.fallback : asked;
}

async function lettersOf(bus: Bus, given: readonly string[], consumer: string): Promise<number[]> {
  if (given.length > PAGES.max) throw RpcError.of({ reason: 'FIELD_INVALID', detail: `at most ${PAGES.max} at once`, metadata: { field: 'dead_letter_ids' } });
  if (given.length > 0) return given.filter((id) => /^\d{1,15}$/.test(id)).map(Number);
  if (consumer === '') return [];
  const { letters } = await listDeadLetters(bus, filterOf(consumer), { limit: PAGES.max });
  return letters.map((letter) => letter.id);
}

function filterOf(consumer: string): DeadLetterFilter {
  if (consumer === '') return {};
  if (!/^[\w-]{1,40}$/.test(consumer)) throw RpcError.of({ reason: 'FIELD_INVALID', detail: 'consumer is no name of one', metadata: { field: 'consumer' } });
  return { consumer };
}

function runMessage(run: JobRun) {
  return {
    runId: run.run_id, jobId: run.job_id, state: JobState[run.state], startTime: timestampFromMs(run.start_time_ms),
    endTime: run.end_time_ms === undefined ? undefined : timestampFromMs(run.end_time_ms),
    progressPercent: run.progress_percent, reportJson: run.report_json, error: run.error, startedBy: run.started_by,
  };
}

function letterMessage(letter: ListedDeadLetter) {
  return {
    deadLetterId: String(letter.id), eventId: letter.event_id, eventType: letter.type, key: letter.key, version: letter.version, consumer: letter.consumer, reason: letter.reason,
    tries: letter.tries, failTime: timestampFromDate(letter.failed_at), stream: letter.stream,
  };
}

function actorOf<D extends DescMessage>(schema: D, request: MessageShape<D> & { requestId: string }, call: Call): Actor {
  const body_hash = createHash('sha256').update(toBinary(schema, { ...request, requestId: '' })).digest();
  return { account_id: call.account?.account_id ?? '', device_id: call.device_id, ip: call.peer_ip, request_id: request.requestId, method: call.method, body_hash };
}
