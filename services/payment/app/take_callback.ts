import { createHash } from 'node:crypto';
import { z } from 'zod';
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { AppliedReport, PaymentStore } from './ports.ts';

/** Who sent it, checked on the bytes as received. `fresh` is false when only its age is wrong. */
export type VerifiedCallback = { nonce: string; fresh: boolean };

const REPORT = z.object({
  trade_id: z.string().regex(/^\d{1,19}$/),
  gateway_trade_no: z.string().min(1).max(64),
  state: z.enum(['OPEN', 'PAID', 'CLOSED']),
  version: z.number().int().positive(),
  amount_fen: z.number().int().positive(),
  currency: z.string(),
  pay_time_ms: z.number().int().optional(),
});

/**
 * Takes a report of the gateway. A repeat gets its first answer whatever its age; a first one must be younger than five
 * minutes and its nonce new. Errors: FIELD_INVALID, SIGNATURE_INVALID, PAYMENT_NOT_FOUND, AMOUNT_INVALID.
 */
export async function takeCallback(store: PaymentStore, payment_channel: string, raw: Uint8Array, verified: VerifiedCallback): Promise<Result<AppliedReport>> {
  const parsed = REPORT.safeParse(parseJson(raw));
  if (!parsed.success) return fail('FIELD_INVALID', { detail: 'the callback is malformed' });
  const report = parsed.data;
  const body_hash = createHash('sha256').update(raw).digest();
  if (verified.fresh) return store.applyReport(report, { payment_channel, nonce: verified.nonce, body_hash });
  const payment_id = BigInt(report.trade_id);
  const [payment, is_known] = await Promise.all([store.find(payment_id), store.isKnownCallback(payment_id, report.version, body_hash)]);
  if (payment === undefined || payment.payment_channel !== payment_channel) return fail('PAYMENT_NOT_FOUND');
  return is_known ? ok({ ...payment, effect: 'repeated' }) : fail('SIGNATURE_INVALID', { detail: 'timestamp' });
}

function parseJson(raw: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(raw).toString('utf8'));
  } catch {
    return undefined;
  }
}
