import type { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Call } from '#kit/rpc/call.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import type { Handlers } from '#kit/rpc/implement.ts';
import type { Actor } from '../app/ports.ts';
import type { Timetables } from '../app/timetables.ts';
import { findRun, runsOfDate, type Catalog } from '../domain/catalog.ts';
import type { RemainingTable } from '../domain/remaining.ts';
import { saleStateOfRun } from '../domain/sale.ts';
import { runChangeMessage, runMessage, versionMessage } from './messages.ts';

export type TimetableMethodsDeps = { timetables: Timetables; remaining: RemainingTable; clock: Clock; catalogNow: () => Catalog };

type TimetableMethods = Pick<Handlers<typeof QueryService>, 'streamTrainRuns' | 'syncTimetable' | 'listTimetableVersions' | 'listRunChanges' | 'rollbackTimetable'>;

const CHANGE_PAGES = { fallback: 200, max: 1000 };

/** What other services and operators ask of the timetable. */
export function timetableMethods({ timetables, remaining, clock, catalogNow }: TimetableMethodsDeps): TimetableMethods {
  return {
    async *streamTrainRuns({ serviceDate, runIds, exceptRunIds, tellMissing }) {
      const catalog = catalogNow();
      const except = new Set(exceptRunIds);
      const runs = runIds.length === 0 ? runsOfDate(catalog, serviceDate) : runIds.flatMap((run_id) => findRun(catalog, run_id) ?? []);
      for (const run of runs) if (!except.has(run.run_id)) yield { run: runMessage(catalog, run, saleStateOfRun(run, clock.now_ms(), remaining.get(run.run_id)?.open)) };
      if (!tellMissing) return;
      for (const run_id of runIds) if (findRun(catalog, run_id) === undefined) yield { missingRunId: run_id, revision: BigInt(catalog.revision) };
    },
    async syncTimetable({ requestId, despiteLosses }, call) {
      const { active, changed } = unwrap(await timetables.sync({ actor: actorOf(call, requestId), despite_losses: despiteLosses }));
      return { active: versionMessage(active), changed };
    },
    async listTimetableVersions() {
      return { versions: (await timetables.versions()).map(versionMessage) };
    },
    async listRunChanges({ afterRevision, pageSize }) {
      if (pageSize > CHANGE_PAGES.max) throw RpcError.of({ reason: 'FIELD_INVALID', detail: `page_size is at most ${CHANGE_PAGES.max}`, metadata: { field: 'page_size' } });
      const catalog = catalogNow();
      // What is told here is loaded here: whoever asks for a run of the list gets it as the list says.
      const listed = await timetables.changes(Number(afterRevision), pageSize === 0 ? CHANGE_PAGES.fallback : pageSize);
      await timetables.follow();
      return { changes: listed.map(runChangeMessage), timetableVersion: catalog.timetable.version, timetableRevision: BigInt(catalog.revision) };
    },
    async rollbackTimetable({ requestId, version }, call) {
      return { active: versionMessage(unwrap(await timetables.rollBack(version, actorOf(call, requestId)))) };
    },
  };
}

function actorOf(call: Call, request_id: string): Actor {
  const service = call.caller.kind === 'service' ? call.caller.service : 'query';
  return { account_id: call.account?.account_id ?? '', service, device_id: call.device_id, ip: call.peer_ip, request_id };
}
