import { writeAudits, type AuditKeys } from '#kit/audit/audit.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { Actor, Payment, Refund } from '../app/ports.ts';

/** How payments and refunds are told: rpc and events own the contracts, the store only carries bytes. */
export type EventCodec = {
  payment(name: 'PaymentSucceeded' | 'PaymentClosed', payment: Payment): { type: string; payload: Uint8Array };
  refund(name: 'RefundSucceeded' | 'RefundNeedsPeople', refund: Refund): { type: string; payload: Uint8Array };
};

export type JournalDeps = { keys: AuditKeys; codec: EventCodec; clock: Clock; random: Random };

/** What goes with an effect in its transaction: the event that tells of it and the record of who did it. */
export class EffectJournal {
  readonly #deps: JournalDeps;

  constructor(deps: JournalDeps) {
    this.#deps = deps;
  }

  async tellPayment(tx: Tx, name: 'PaymentSucceeded' | 'PaymentClosed', payment: Payment): Promise<void> {
    await this.#append(tx, this.#deps.codec.payment(name, payment), payment.order_id, payment.version);
  }

  async tellRefund(tx: Tx, name: 'RefundSucceeded' | 'RefundNeedsPeople', refund: Refund): Promise<void> {
    await this.#append(tx, this.#deps.codec.refund(name, refund), refund.order_id, 1n);
  }

  async record(tx: Tx, operation: string, target: string, actor?: Actor, result = 'ok', version?: bigint): Promise<void> {
    await this.recordAll(tx, operation, [{ target, version }], actor, result);
  }

  /** The same done to many things, in one statement. */
  async recordAll(tx: Tx, operation: string, targets: readonly { target: string; version?: bigint }[], actor?: Actor, result = 'ok'): Promise<void> {
    const entries = targets.map(({ target, version }) => ({
      actor_account: actor?.account_id ?? '',
      actor_service: actor?.service ?? tx.service,
      device_id: actor?.device_id,
      ip: actor?.ip,
      operation,
      target,
      result,
      request_id: actor?.request_id === '' ? undefined : actor?.request_id,
      version,
      time: new Date(this.#deps.clock.now_ms()),
    }));
    await writeAudits(tx, this.#deps.keys, entries);
  }

  async #append(tx: Tx, { type, payload }: { type: string; payload: Uint8Array }, order_id: bigint, version: bigint): Promise<void> {
    const now_ms = this.#deps.clock.now_ms();
    const event_id = formatUuid7(now_ms, this.#deps.random.bytes(10));
    await appendEvents(tx, [{ stream: 'PAYMENT', event_id, type, version, key: String(order_id), occurred_at: new Date(now_ms), payload }]);
  }
}
