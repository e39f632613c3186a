/** Queue tokens: what an entry's status needs to be found again, sealed by HMAC and bound to the account. */
import { fromBase64Url, toBase64Url } from '#kit/base/bytes.ts';
import { hmacSign, hmacVerify } from '#kit/crypto/hmac.ts';
import { demandFrom, demandText } from '../domain/demand.ts';
import type { QueueTicket, QueueTokens } from '../app/ports.ts';

/** A longer text is none of ours. */
const TOKEN_MAX = 1024;
const VERSION = 'q1';

/** `caller_keys`: newest first; the first signs, all are accepted. The key of tokens is derived, so neither can stand in for the other. */
export function createQueueTokens(caller_keys: readonly Uint8Array[]): QueueTokens {
  const keys = caller_keys.map((key) => hmacSign(key, ['order.queue_token']));
  const [first] = keys;
  if (first === undefined) throw new Error('queue tokens need a key');
  return {
    seal(ticket) {
      const { entry_id, run_id, account_id, priority, sequence, expire_ms, demand } = ticket;
      const body = toBase64Url(new TextEncoder().encode(JSON.stringify([entry_id, run_id, account_id, priority, sequence, expire_ms, demand === undefined ? '' : demandText(demand)])));
      return `${VERSION}.${body}.${toBase64Url(hmacSign(first, [VERSION, body]))}`;
    },
    open(token) {
      const [version, body = '', signature = '', ...rest] = token.length > TOKEN_MAX ? [] : token.split('.');
      const bytes = fromBase64Url(signature);
      if (version !== VERSION || rest.length > 0 || bytes === undefined) return undefined;
      if (!keys.some((key) => hmacVerify(key, [VERSION, body], bytes))) return undefined;
      const [entry_id, run_id, account_id, priority, sequence, expire_ms, demand = ''] = JSON.parse(new TextDecoder().decode(fromBase64Url(body))) as [string, string, string, number, number, number, string?];
      return { entry_id, run_id, account_id, priority, sequence, expire_ms, demand: demandFrom(demand) } satisfies QueueTicket;
    },
  };
}
