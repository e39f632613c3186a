import test from 'ava';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { batched } from './batched.ts';

type Calls = { together: number[][]; alone: number[] };

function peer(answer: (wishes: readonly number[]) => readonly Result<number>[]) {
  const calls: Calls = { together: [], alone: [] };
  const one = batched<number, number>({
    size_max: 3,
    async together(wishes) {
      calls.together.push([...wishes]);
      return answer(wishes);
    },
    async alone(wish) {
      calls.alone.push(wish);
      if (wish === 13) throw new RpcError('broken', { code: 'INTERNAL' });
      return ok(wish * 10);
    },
  });
  return { calls, one };
}

test('calls that come together are one call, each with its own outcome', async (t) => {
  const { calls, one } = peer((wishes) => wishes.map((wish) => (wish === 2 ? fail('HOLD_EXPIRED') : ok(wish))));
  t.deepEqual(await Promise.all([1, 2, 3, 4].map(one)), [ok(1), fail('HOLD_EXPIRED'), ok(3), ok(4)]);
  t.deepEqual(calls, { together: [[1, 2, 3], [4]], alone: [] }, 'as many as the contract takes');
});

test('an outage is everybody\'s, and is not asked about one by one', async (t) => {
  const { calls, one } = peer(() => {
    throw new RpcError('away', { code: 'UNAVAILABLE' });
  });
  const outcomes = await Promise.all([1, 2].map(one));
  t.deepEqual(outcomes.map((outcome) => (outcome.ok ? '' : outcome.error.reason)), ['DEPENDENCY_UNAVAILABLE', 'DEPENDENCY_UNAVAILABLE']);
  t.deepEqual(calls.alone, []);
});

test('a peer that does not know batches, or can\'t answer one as a whole, is asked for each alone', async (t) => {
  for (const code of ['UNIMPLEMENTED', 'INTERNAL'] as const) {
    const { calls, one } = peer(() => {
      throw new RpcError('no', { code });
    });
    const outcomes = await Promise.allSettled([1, 13, 2].map(one));
    t.deepEqual(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as Error).message)), [ok(10), 'broken', ok(20)]);
    t.deepEqual(calls.alone, [1, 13, 2]);
  }
});
