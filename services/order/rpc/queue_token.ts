/** Queue tokens: what an entry's status needs to be found again, sealed by HMAC and bound to the account. */
import { sealedTexts } from '#kit/crypto/sealed_text.ts';
import { demandFrom, demandText } from '../domain/demand.ts';
import type { QueueTicket, QueueTokens } from '../app/ports.ts';

/** A longer text is none of ours. */
const TOKEN_MAX = 1024;

/** `caller_keys`: newest first; the first signs, all are accepted. */
export function createQueueTokens(caller_keys: readonly Uint8Array[]): QueueTokens {
  const texts = sealedTexts({ keys: caller_keys, purpose: 'order.queue_token', version: 'q1', token_max: TOKEN_MAX });
  return {
    seal({ entry_id, run_id, account_id, priority, sequence, expire_ms, demand }) {
      return texts.seal(JSON.stringify([entry_id, run_id, account_id, priority, sequence, expire_ms, demand === undefined ? '' : demandText(demand)]));
    },
    open(token) {
      const text = texts.open(token);
      if (text === undefined) return undefined;
      const [entry_id, run_id, account_id, priority, sequence, expire_ms, demand = ''] = JSON.parse(text) as [string, string, string, number, number, number, string?];
      return { entry_id, run_id, account_id, priority, sequence, expire_ms, demand: demandFrom(demand) } satisfies QueueTicket;
    },
  };
}
