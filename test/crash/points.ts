/** Places in a service's work at which its process may die: around each call of a store or a peer, and around the commit of each transaction. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Database } from '#kit/store/mysql.ts';

export type Point = {
  /** A store or a peer, by the name that the wiring of the test gives it. */
  store: string;
  method: string;
  /** `inside`: its transaction has done everything but the commit; `committed`: that is done, and nobody has been told. */
  when: 'before' | 'inside' | 'committed' | 'after';
  /** `freeze`: stops as by SIGSTOP and goes on where it was when it is continued. */
  act: 'kill' | 'freeze';
  /** How often somebody comes by unharmed before. */
  skip?: number;
};

let armed: (Point & { skip: number }) | undefined;
/** The call under way, for transactions that it opens. */
const within = new AsyncLocalStorage<{ name: string; open: boolean }>();
/** The calls that were made in a transaction that somebody else opened. */
const transaction = new AsyncLocalStorage<Set<string>>();

/** The next time somebody comes to this point, the process dies or freezes there; once. */
export function arm(point: Point | undefined): void {
  armed = point === undefined ? undefined : { skip: 0, ...point };
}

/** The store with a point around each of its methods. What answers at once goes on answering at once. */
export function doomed<T extends object>(store: string, target: T): T {
  return new Proxy(target, {
    get(object, method) {
      const real: unknown = Reflect.get(object, method);
      if (typeof real !== 'function') return real;
      const name = `${store}.${String(method)}`;
      return (...args: unknown[]) => {
        transaction.getStore()?.add(name);
        reach(name, 'before');
        const call = { name, open: true };
        const answer: unknown = within.run(call, () => Reflect.apply(real, object, args));
        if (!(answer instanceof Promise)) return answer;
        return answer.finally(() => (call.open = false)).then((value: unknown) => {
          reach(name, 'after');
          return value;
        });
      };
    },
  });
}

/** A database with a point before and behind the commit of each transaction. */
export function doomedDatabase(db: Database): Database {
  return {
    ...db,
    async transaction(fn, options) {
      const call = within.getStore();
      const names = new Set(call?.open === true ? [call.name] : []);
      const answer = await db.transaction(
        (tx) =>
          transaction.run(names, async () => {
            const result = await fn(tx);
            for (const name of names) reach(name, 'inside');
            return result;
          }),
        options,
      );
      for (const name of names) reach(name, 'committed');
      return answer;
    },
  };
}

function reach(where: string, when: Point['when']): void {
  if (armed === undefined || armed.when !== when || `${armed.store}.${armed.method}` !== where) return;
  if (armed.skip > 0) {
    armed.skip -= 1;
    return;
  }
  const { act } = armed;
  armed = undefined;
  process.kill(process.pid, act === 'kill' ? 'SIGKILL' : 'SIGSTOP');
}

/** `after orders.apply` or, for the second time somebody comes by, `after orders.apply 2`: the process is killed there. */
export function pointOf(where: string): Point {
  const [, when, store, method, time = '1'] = /^(\w+) (\w+)\.(\w+)(?: (\d+))?$/.exec(where)!;
  return { when: when as Point['when'], store: store!, method: method!, act: 'kill', skip: Number(time) - 1 };
}
