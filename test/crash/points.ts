/** Places in the inventory's work at which a process may die: around each call of a store, and between a transaction's statements and its commit. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { SeatStore, Ledger } from '../../services/inventory/app/ports.ts';

export type Point = {
  store: 'seats' | 'ledger';
  method: keyof SeatStore | keyof Ledger;
  /** `inside`: its transaction has done everything but the commit. */
  when: 'before' | 'inside' | 'after';
  /** `freeze`: stops as by SIGSTOP and goes on where it was when it is continued. */
  act: 'kill' | 'freeze';
};

let armed: Point | undefined;
const within = new AsyncLocalStorage<string>();

/** The next time somebody comes to this point, the process dies or freezes there; once. */
export function arm(point: Point | undefined): void {
  armed = point;
}

/** The store with a point around each of its methods. */
export function doomed<T extends object>(store: Point['store'], target: T): T {
  return new Proxy(target, {
    get(object, method) {
      const real: unknown = Reflect.get(object, method);
      if (typeof real !== 'function') return real;
      return async (...args: unknown[]) => {
        reach(`${store}.${String(method)}`, 'before');
        const answer: unknown = await within.run(`${store}.${String(method)}`, () => Reflect.apply(real, object, args));
        reach(`${store}.${String(method)}`, 'after');
        return answer;
      };
    },
  });
}

/** To be called in each transaction when its statements are done. */
export function reachInside(): void {
  const where = within.getStore();
  if (where !== undefined) reach(where, 'inside');
}

function reach(where: string, when: Point['when']): void {
  if (armed === undefined || armed.when !== when || `${armed.store}.${armed.method}` !== where) return;
  const { act } = armed;
  armed = undefined;
  process.kill(process.pid, act === 'kill' ? 'SIGKILL' : 'SIGSTOP');
}
