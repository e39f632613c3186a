// One run of a shared transaction: its units side by side on one connection, the statements that wait at the same moment
// in one packet.
import { Hooks, type HookMark, type Statement } from './hooks.ts';
import type { SqlResult, SqlRow, SqlValue } from './pool.ts';
import type { Tx } from './transaction.ts';

export interface Unit {
  readonly fn: (tx: Tx) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** The same by itself; ends when that has ended, and never throws. */
  readonly alone: () => Promise<void>;
}

/** A unit wants back what it wrote, which can't be told from what the others wrote. */
export class LeftCompany extends Error {
  override name = 'LeftCompany';
  readonly unit: Unit;

  constructor(unit: Unit, options?: ErrorOptions) {
    super('a unit leaves the shared transaction', options);
    this.unit = unit;
  }
}

/** Statements in one packet; more would make it too large. */
const PACKET_MAX = 200;

interface Piece extends Statement {
  /** Several statements, so that it has to be the last of its packet: nobody knows how many results are its own. */
  readonly many: boolean;
  /** Undefined for a write that nobody waits for. */
  readonly answer?: (results: SqlResult[]) => void;
  readonly fail?: (error: unknown) => void;
}

interface Lane {
  readonly unit: Unit;
  readonly hooks: Hooks;
  readonly start: HookMark;
  writes: number;
  ended?: { value: unknown };
}

export interface AfterCommit {
  readonly tell: (name: string) => void;
  readonly failed: (error: unknown) => void;
}

export class SharedRun {
  readonly #lanes: Lane[];
  readonly #after: AfterCommit;
  readonly #broken = Promise.withResolvers<never>();
  #pieces: Piece[] = [];
  #over: Error | undefined;
  #sending = false;
  #planned = false;
  #tx: Tx | undefined;

  constructor(units: readonly Unit[], after: AfterCommit) {
    this.#lanes = units.map((unit) => {
      const hooks = new Hooks();
      return { unit, hooks, start: hooks.mark(), writes: 0 };
    });
    this.#after = after;
    this.#broken.promise.catch(() => {});
  }

  /** Runs all units in `tx`; what throws takes the whole of it back. */
  async drive(tx: Tx): Promise<void> {
    this.#tx = tx;
    const work = this.#lanes.map((lane) => this.#work(lane, tx));
    await Promise.race([Promise.all(work), this.#broken.promise]);
    if (this.#over !== undefined) throw this.#over;
    // What nobody waits for goes with COMMIT.
    for (const { sql, params } of this.#pieces.splice(0)) await tx.later(sql, params);
    for (const { hooks } of this.#lanes) tx.withCommit(() => hooks.lastStatements());
  }

  /** After the commit. */
  tellDone(): void {
    const names = new Set<string>();
    this.#over = new Error('the transaction is over');
    for (const { hooks } of this.#lanes) hooks.runAfter((name) => names.add(name), this.#after.failed);
    for (const name of names) this.#after.tell(name);
    for (const { unit, ended } of this.#lanes) unit.resolve(ended?.value);
  }

  /** Ends what is left of it; the units that have no answer yet. */
  stop(): Unit[] {
    this.#over ??= new Error('the transaction was taken back');
    return this.#lanes.map(({ unit }) => unit);
  }

  async #work(lane: Lane, tx: Tx): Promise<void> {
    try {
      const value = await lane.unit.fn(this.#laneTx(lane, tx));
      await lane.hooks.runBefore();
      lane.ended = { value };
    } catch (error) {
      if (this.#over !== undefined) return;
      if (lane.writes > 0) return this.#break(new LeftCompany(lane.unit, { cause: error }));
      // It has only looked: nothing of it is in the transaction, and the others go on.
      lane.hooks.restore(lane.start);
      this.#lanes.splice(this.#lanes.indexOf(lane), 1);
      lane.unit.reject(error);
    }
  }

  #break(error: Error): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#broken.reject(error);
    for (const piece of this.#pieces.splice(0)) piece.fail?.(error);
  }

  #laneTx(lane: Lane, whole: Tx): Tx {
    const { hooks } = lane;
    const wait = (sql: string, params: readonly SqlValue[], many: boolean) => {
      const { promise, resolve, reject } = Promise.withResolvers<SqlResult[]>();
      // Its caller may have given up already, when another statement of it failed.
      promise.catch(() => {});
      this.#push(lane, { sql, params, many, answer: resolve, fail: reject });
      return promise;
    };
    return {
      service: whole.service,
      signal: whole.signal,
      whole,
      get em() {
        return whole.em;
      },
      execute: async <R = SqlRow>(sql: string, params: readonly SqlValue[] = []) => (await wait(sql, params, false))[0] as SqlResult<R>,
      executeMany: async (sql, params = []) => wait(sql, params, true),
      later: async (sql, params = []) => this.#push(lane, { sql, params, many: false }),
      afterCommit: (fn) => hooks.after(fn),
      beforeCommit: (fn) => hooks.before(fn),
      withCommit: (statements) => hooks.last(statements),
      notify: (name) => hooks.notify(name),
      onUndo: (fn) => hooks.undo(fn),
      savepoint: async () => this.#savepoint(lane, hooks.mark()),
    };
  }

  #savepoint(lane: Lane, mark: HookMark): Awaited<ReturnType<Tx['savepoint']>> {
    const { writes } = lane;
    return {
      rollback: async () => {
        if (lane.writes === writes) return lane.hooks.restore(mark);
        const left = new LeftCompany(lane.unit);
        this.#break(left);
        throw left;
      },
    };
  }

  #push(lane: Lane, piece: Piece): void {
    if (this.#over !== undefined) throw this.#over;
    if (isWrite(piece.sql)) lane.writes += 1;
    this.#pieces.push(piece);
    if (piece.answer !== undefined) this.#plan();
  }

  /** After everybody who was woken by the last packet has said what it wants next. */
  #plan(): void {
    if (this.#planned || this.#sending) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      void this.#send();
    });
  }

  async #send(): Promise<void> {
    const packet = this.#nextPacket();
    if (packet.length === 0 || this.#tx === undefined) return;
    this.#sending = true;
    try {
      const results = await this.#tx.executeMany(packet.map(({ sql }) => sql).join(';\n'), packet.flatMap(({ params }) => params));
      packet.forEach(({ many, answer }, index) => answer?.(many ? results.slice(index) : results.slice(index, index + 1)));
    } catch (caught) {
      const error = caught instanceof Error ? caught : new Error(String(caught));
      this.#break(error);
      for (const piece of packet) piece.fail?.(error);
    } finally {
      this.#sending = false;
      if (this.#pieces.some(({ answer }) => answer !== undefined)) this.#plan();
    }
  }

  #nextPacket(): Piece[] {
    const many = this.#pieces.findIndex((piece) => piece.many);
    return this.#pieces.splice(0, Math.min(PACKET_MAX, many < 0 ? PACKET_MAX : many + 1));
  }
}

function isWrite(sql: string): boolean {
  return !/^\s*(select|show)\b/i.test(sql);
}
