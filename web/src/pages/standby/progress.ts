import { StandbyState } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';

export type StepKey = 'pending' | 'matching' | 'locked' | 'await_pay' | 'success' | 'fail';
export type Step = { key: StepKey; done: boolean; current: boolean };

const WAY: readonly StepKey[] = ['pending', 'matching', 'locked', 'await_pay', 'success'];

export function stateKey(state: StandbyState): StepKey {
  return KEYS[state] ?? 'pending';
}

/** True when nothing happens to it any more. */
export function isOver({ state }: Pick<Standby, 'state'>): boolean {
  return state === StandbyState.SUCCESS || state === StandbyState.FAIL;
}

/** True while it stands in queues. */
export function isWaiting({ state }: Pick<Standby, 'state'>): boolean {
  return state === StandbyState.PENDING || state === StandbyState.MATCHING;
}

/** True when its traveller may leave; in between seats are taken or an order is made, which is a matter of seconds. */
export function mayCancel({ state }: Pick<Standby, 'state'>): boolean {
  return state === StandbyState.PENDING || state === StandbyState.AWAIT_PAY;
}

/** The way of a standby. One that failed ends where it left the way: with an order it had come to the payment. */
export function stepsOf({ state, orderId }: Pick<Standby, 'state' | 'orderId'>): Step[] {
  const key = stateKey(state);
  if (key === 'fail') {
    const came = WAY.slice(0, orderId === '' ? 1 : 4).map((step) => ({ key: step, done: true, current: false }));
    return [...came, { key: 'fail', done: false, current: true }];
  }
  const reached = WAY.indexOf(key);
  return WAY.map((step, index) => ({ key: step, done: index < reached || key === 'success', current: index === reached }));
}

export type UpgradeKey = 'waiting' | 'pay' | 'done' | 'failed';

/** How far a standby is whose success is a change of tickets that are held; undefined for any other. */
export function upgradeKey({ state, upgradeOfOrderId }: Pick<Standby, 'state' | 'upgradeOfOrderId'>): UpgradeKey | undefined {
  if (upgradeOfOrderId === '') return undefined;
  if (state === StandbyState.AWAIT_PAY) return 'pay';
  if (state === StandbyState.SUCCESS) return 'done';
  return state === StandbyState.FAIL ? 'failed' : 'waiting';
}

export type Ending = 'cancelled' | 'deadline' | 'unpaid' | 'refused';

/** Why a standby failed: nothing fitting came back in time, also where the trains left meanwhile. `refused`: the table of errors says it. */
export function endingOf({ reason }: Pick<Standby, 'reason'>): Ending {
  if (reason === 'CANCELLED') return 'cancelled';
  if (NOTHING_CAME.has(reason)) return 'deadline';
  return reason === 'ORDER_NOT_PAYABLE' ? 'unpaid' : 'refused';
}

const NOTHING_CAME: ReadonlySet<string> = new Set(['SOLD_OUT', 'TRAIN_DEPARTED', 'SALE_CLOSED']);
const KEYS: Partial<Record<StandbyState, StepKey>> = {
  [StandbyState.PENDING]: 'pending', [StandbyState.MATCHING]: 'matching', [StandbyState.LOCKED]: 'locked', [StandbyState.AWAIT_PAY]: 'await_pay', [StandbyState.SUCCESS]: 'success', [StandbyState.FAIL]: 'fail',
};
