/** What a purchase needs of the services that take no part in its steps: trains, people and a risk that lets everybody in. */
import type { DescService } from '@bufbuild/protobuf';
import { IdentityService, IdType, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { QueryService, SaleState, type QuoteFaresRequest } from '#gen/rail/query/v1/query_pb.ts';
import { Decision, RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { FailureError } from '#kit/base/result.ts';
import { implement, type Handlers, type Implementation } from '#kit/rpc/implement.ts';
import type { TestRun } from '../integration/inventory_world.ts';

export const FARE_FEN = 55_300;
export const FIRST_FARE_FEN = 93_350;
const FARES: Partial<Record<SeatClass, number>> = { [SeatClass.SECOND]: FARE_FEN, [SeatClass.FIRST]: FIRST_FARE_FEN };

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
      quoteFares({ runId, fromStationId, toStationId, seatClasses }: QuoteFaresRequest) {
        const journey = rideOn(runOf(runId), fromStationId, toStationId);
        const fares = seatClasses.flatMap((seatClass) => (FARES[seatClass] === undefined ? [] : [{ seatClass, passengerType: PassengerType.ADULT, fare: { amountFen: BigInt(FARES[seatClass]), currency: 'CNY' } }]));
        if (fares.length === 0) throw new FailureError({ reason: 'SEAT_CLASS_UNKNOWN' });
        return { fares, journey };
      },
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
      resolveContacts: ({ accountIds }: { accountIds: string[] }) => ({
        contacts: accountIds.map((accountId) => ({ accountId, phone: `138${accountId.padStart(8, '0')}`, email: `a${accountId}@example.com`, pushToken: `push-${accountId}`, language: 'zh' })),
      }),
    }),
    partly(RiskService, { assess: () => ({ decision: Decision.ALLOW }) }),
  ];
}

function rideOn(run: TestRun, from: string, to: string) {
  const [first, last] = [from, to].map((id) => run.stops!.find(({ station }) => station!.stationId === id));
  if (first?.departureTime === undefined || last?.arrivalTime === undefined || first.index! >= last.index!) throw new FailureError({ reason: 'STOPS_NOT_ON_RUN' });
  return {
    runId: run.runId!, trainNo: run.trainNo!, serviceDate: run.serviceDate!, fromStationId: from, toStationId: to, fromIndex: first.index!, toIndex: last.index!, departureTime: first.departureTime, arrivalTime: last.arrivalTime,
    fromStationName: from, toStationName: to, distanceM: 100_000n,
  };
}

/** Handlers of the methods that are needed; the others refuse. */
function partly<S extends DescService>(service: S, handlers: object): Implementation {
  const refuse = () => {
    throw new FailureError({ reason: 'NOT_IMPLEMENTED' });
  };
  return implement(service, { ...Object.fromEntries(service.methods.map(({ localName }) => [localName, refuse])), ...handlers } as unknown as Handlers<S>);
}
