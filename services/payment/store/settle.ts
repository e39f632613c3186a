import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Tx } from '#kit/store/mysql.ts';
import { together } from '#kit/store/together.ts';
import type { Actor, Payment, Settled, Settlement } from '../app/ports.ts';
import type { PaymentEffects } from './payment_effects.ts';
import type { PaymentStoreDeps } from './payment_store.ts';
import { paymentOf, type PaymentRow } from './rows.ts';

type Deps = Pick<PaymentStoreDeps, 'db' | 'journal' | 'log'>;

/** What orders say of their payments, in one transaction. See PaymentStore.settle. */
export function settleAll(deps: Deps, effects: PaymentEffects, settlements: readonly Settlement[], actor: Actor): Promise<readonly Result<Settled>[]> {
  const all = (some: readonly Settlement[]) => deps.db.transaction((tx) => settleIn(tx, deps, effects, some, actor));
  return together(settlements, all, ({ payment_id }, error) => {
    deps.log.error({ error, payment_id: String(payment_id) }, 'a payment could not be settled');
    return fail('INTERNAL');
  });
}

async function settleIn(tx: Tx, { journal }: Deps, effects: PaymentEffects, settlements: readonly Settlement[], actor: Actor): Promise<Result<Settled>[]> {
  const ids = [...new Set(settlements.map(({ payment_id }) => payment_id))];
  // Locked in the order of their ids, so that two batches never wait for one another.
  const rows = await tx.execute<PaymentRow>('SELECT * FROM payment WHERE payment_id IN (?) ORDER BY payment_id FOR UPDATE', [ids]);
  const known = new Map(rows.map((row) => [BigInt(row.payment_id), paymentOf(row)]));
  const fresh: { payment: Payment; accepted: boolean }[] = [];
  const outcomes: Result<Settled>[] = [];
  for (const { payment_id, accepted, reason } of settlements) {
    const payment = known.get(payment_id);
    const refusal = refusalOf(payment, accepted);
    if (payment === undefined || refusal !== undefined) {
      outcomes.push(refusal ?? fail('PAYMENT_NOT_FOUND'));
      continue;
    }
    const settled = { ...payment, settled: accepted };
    if (payment.settled === undefined) fresh.push({ payment, accepted });
    // Whoever stands twice in a batch meets what its first turn decided.
    known.set(payment_id, settled);
    outcomes.push(ok({ payment: settled, refund: accepted ? undefined : await effects.refundUnwanted(tx, payment, reason) }));
  }
  for (const [accepted, some] of Map.groupBy(fresh, (one) => one.accepted)) {
    await tx.later('UPDATE payment SET settled = ?, next_action_time = NULL, attempts = 0 WHERE payment_id IN (?)', [accepted ? 1 : 0, some.map(({ payment }) => payment.payment_id)]);
    await journal.recordAll(tx, accepted ? 'payment.Accept' : 'payment.Refuse', some.map(({ payment: { payment_id, version } }) => ({ target: `payment/${payment_id}`, version })), actor);
  }
  return outcomes;
}

function refusalOf(payment: Payment | undefined, accepted: boolean): Result<never> | undefined {
  if (payment === undefined) return fail('PAYMENT_NOT_FOUND');
  if (payment.state !== 'SUCCEEDED') return fail('PAYMENT_STATE_WRONG', { detail: 'nothing was paid' });
  if (payment.settled === undefined || payment.settled === accepted) return undefined;
  return fail('CONFLICT', { detail: `the payment was ${payment.settled ? 'accepted' : 'refused'} before` });
}
