/** One effect and one answer per request id, as kit/store/idempotency.ts has it. */
import { equalBytes } from '#kit/base/bytes.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { checkRequestId } from '#kit/store/idempotency.ts';

type Key = { account_id: string; request_id: string; method: string; body_hash: Uint8Array; now_ms: number };

export class Requests<A> {
  readonly #answers = new Map<string, { method: string; body_hash: Uint8Array; answer: A }>();

  once(key: Key, run: () => Result<A>): Result<A> {
    const checked = checkRequestId(key.request_id, key.now_ms);
    if (!checked.ok) return checked;
    if (key.body_hash.length !== 32) throw new Error('body_hash must be a SHA-256');
    const id = `${key.account_id}/${key.request_id}`;
    const known = this.#answers.get(id);
    if (known !== undefined) return known.method === key.method && equalBytes(known.body_hash, key.body_hash) ? ok(known.answer) : fail('REQUEST_ID_REUSED');
    const result = run();
    if (result.ok) this.#answers.set(id, { method: key.method, body_hash: key.body_hash, answer: result.value });
    return result;
  }
}
