// Whether a table has rows that are due, asked for all sweepers of a database with one packet: each that wants to know
// waits a moment for the others, and as they are answered together they come together the next time.
import type { Database, SqlValue } from './mysql.ts';

export interface DueQuestion {
  /** A SELECT that finds a row when something is due. */
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

export interface DueAsker {
  /** True when the question finds a row. Waits at most `patience_ms` for other askers. */
  ask(question: DueQuestion, patience_ms: number): Promise<boolean>;
  leave(): void;
}

interface Round {
  readonly begin: () => void;
  readonly begun: Promise<void>;
  asking: number;
}

interface Company {
  members: number;
  round: Round | undefined;
}

const companies = new WeakMap<Database, Company>();

/** One more that will ask now and then, until it leaves. */
export function joinDue(db: Database): DueAsker {
  const company = companies.get(db) ?? { members: 0, round: undefined };
  companies.set(db, company);
  company.members += 1;
  return {
    async ask({ sql, params }, patience_ms) {
      const round = (company.round ??= openRound(company, patience_ms));
      round.asking += 1;
      if (round.asking >= company.members) round.begin();
      await round.begun;
      // Questions of one moment share a packet.
      return (await db.read(sql, params)).length > 0;
    },
    leave() {
      company.members -= 1;
      if (company.round !== undefined && company.round.asking >= company.members) company.round.begin();
    },
  };
}

function openRound(company: Company, patience_ms: number): Round {
  const { promise, resolve } = Promise.withResolvers<void>();
  const begin = (): void => {
    clearTimeout(timer);
    if (company.round === round) company.round = undefined;
    resolve();
  };
  const timer = setTimeout(begin, patience_ms);
  const round: Round = { begin, begun: promise, asking: 0 };
  return round;
}
