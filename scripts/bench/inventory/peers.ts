/** Stands where query and order stand: a timetable of the benchmark's runs, and orders that nobody has. */
import type { DescService, MessageInitShape } from '@bufbuild/protobuf';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { QueryService, type TrainRunSchema } from '#gen/rail/query/v1/query_pb.ts';
import { FailureError } from '#kit/base/result.ts';
import { implement, type Handlers, type Implementation } from '#kit/rpc/implement.ts';
import { startServer, type RunningServer } from '#kit/rpc/server.ts';
import { silentLog } from '#kit/telemetry/log.ts';

export type Timetable = Map<string, MessageInitShape<typeof TrainRunSchema>>;

export function startPeers(timetable: Timetable, caller_key: Uint8Array): Promise<RunningServer> {
  const query = {
    async *streamTrainRuns({ runIds, exceptRunIds }: { runIds: string[]; exceptRunIds: string[] }) {
      const [wanted, unwanted] = [new Set(runIds), new Set(exceptRunIds)];
      for (const [run_id, run] of timetable) if ((wanted.size === 0 || wanted.has(run_id)) && !unwanted.has(run_id)) yield { run };
    },
  };
  return startServer({ service: 'peers', implementations: [partly(QueryService, query), partly(OrderService, {})], auth: { caller_keys: [caller_key] }, log: silentLog() });
}

/** Handlers of the methods that are called; the others refuse. */
function partly<S extends DescService>(service: S, handlers: object): Implementation {
  const refuse = () => {
    throw new FailureError({ reason: 'NOT_IMPLEMENTED' });
  };
  return implement(service, { ...Object.fromEntries(service.methods.map(({ localName }) => [localName, refuse])), ...handlers } as unknown as Handlers<S>);
}
