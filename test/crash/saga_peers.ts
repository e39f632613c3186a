/** What a purchase needs of the services that take no part in its steps: trains, people and a risk that lets everybody in. */
import type { DescService } from '@bufbuild/protobuf';
import { IdentityService, IdType, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { QueryService, SaleState } from '#gen/rail/query/v1/query_pb.ts';
import { Decision, RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { FailureError } from '#kit/base/result.ts';
import { implement, type Handlers, type Implementation } from '#kit/rpc/implement.ts';
import type { TestRun } from '../integration/inventory_world.ts';

export const FARE_FEN = 55_300;

/** Everybody's passengers are verified, each a person of his own; everybody can be reached over all channels. */
export function sagaPeers(timetable: ReadonlyMap<string, TestRun>): Implementation[] {
  const runOf = (run_id: string): TestRun => {
    const run = timetable.get(run_id);
    if (run === undefined) throw new FailureError({ reason: 'TRAIN_RUN_NOT_FOUND' });
    return run;
  };
  return [
    partly(QueryService, {
      getTrainRun: ({ runId }: { runId: string }) => ({ run: { ...runOf(runId), saleState: SaleState.OPEN } }),
      quoteFares: () => ({ fares: [{ seatClass: SeatClass.SECOND, passengerType: PassengerType.ADULT, fare: { amountFen: BigInt(FARE_FEN), currency: 'CNY' } }] }),
      async *streamTrainRuns({ serviceDate, runIds, exceptRunIds }: { serviceDate: string; runIds: string[]; exceptRunIds: string[] }) {
        for (const run of timetable.values()) {
          if (run.serviceDate === serviceDate && (runIds.length === 0 || runIds.includes(run.runId!)) && !exceptRunIds.includes(run.runId!)) yield { run };
        }
      },
    }),
    partly(IdentityService, {
      resolvePassengers: ({ passengerIds, inClear }: { passengerIds: string[]; inClear: boolean }) => ({
        passengers: passengerIds.map((passengerId) => ({
          passenger: { passengerId, nameMasked: '张*', idType: IdType.RESIDENT, idNumberMasked: '1101********002X', passengerType: PassengerType.ADULT, verifyState: VerifyState.VERIFIED },
          personBlindIndex: Buffer.from(passengerId.padStart(16, '0')).toString('hex'),
          ...(inClear ? { name: '张三丰', idNumber: '11010519491231002X' } : {}),
        })),
      }),
      resolveContact: ({ accountId }: { accountId: string }) => ({ phone: `138${accountId.padStart(8, '0')}`, email: `a${accountId}@example.com`, pushToken: `push-${accountId}`, language: 'zh' }),
    }),
    partly(RiskService, { assess: () => ({ decision: Decision.ALLOW }) }),
  ];
}

/** Handlers of the methods that are needed; the others refuse. */
function partly<S extends DescService>(service: S, handlers: object): Implementation {
  const refuse = () => {
    throw new FailureError({ reason: 'NOT_IMPLEMENTED' });
  };
  return implement(service, { ...Object.fromEntries(service.methods.map(({ localName }) => [localName, refuse])), ...handlers } as unknown as Handlers<S>);
}
