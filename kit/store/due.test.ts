import test from 'ava';
import { joinDue } from './due.ts';
import type { Database } from './mysql.ts';

const NEVER_MS = 600_000;

/** A database that notes in which turn of the event loop it was asked. */
function listening(due: readonly string[]): { db: Database; turns: string[][] } {
  const turns: string[][] = [];
  let open: string[] | undefined;
  const read = async (sql: string): Promise<object[]> => {
    if (open === undefined) {
      turns.push((open = []));
      setImmediate(() => {
        open = undefined;
      });
    }
    open.push(sql);
    return due.includes(sql) ? [{}] : [];
  };
  return { db: { read } as never, turns };
}

test('what several ask goes out in one turn, when all of them have asked, and each gets its own answer', async (t) => {
  const { db, turns } = listening(['two']);
  const [one, two, three] = [joinDue(db), joinDue(db), joinDue(db)];
  const answers = [one.ask({ sql: 'one', params: [] }, NEVER_MS), two.ask({ sql: 'two', params: [] }, NEVER_MS)];
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(turns, []);
  answers.push(three.ask({ sql: 'three', params: [] }, NEVER_MS));
  t.deepEqual(await Promise.all(answers), [false, true, false]);
  t.deepEqual(turns, [['one', 'two', 'three']]);
});

test('who has left is not waited for, nor who does not come', async (t) => {
  const { db, turns } = listening([]);
  const [one, two, three] = [joinDue(db), joinDue(db), joinDue(db)];
  const waits = one.ask({ sql: 'one', params: [] }, NEVER_MS);
  const also = two.ask({ sql: 'two', params: [] }, NEVER_MS);
  three.leave();
  await Promise.all([waits, also]);
  t.deepEqual(turns, [['one', 'two']]);
  t.false(await one.ask({ sql: 'again', params: [] }, 5));
});
