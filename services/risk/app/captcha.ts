import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import { makeCaptcha, normaliseAnswer } from '../domain/captcha.ts';
import type { CaptchaStore } from './ports.ts';

const CAPTCHA_TTL_MS = 120_000;
const TOKEN_TTL_MS = 300_000;

/** Signs and checks the tokens that a right answer is traded for. */
export type TokenSigner = { sign(text: string): string; verify(text: string, signature: string): boolean };

export type CaptchaTokens = { spend(token: string): Promise<boolean> };

export type CaptchaDeps = { store: CaptchaStore; signer: TokenSigner; clock: Clock; random: Random };

export async function createCaptcha({ store, clock, random }: CaptchaDeps): Promise<{ captcha_id: string; question: string; svg: string; expire_time_ms: number }> {
  const captcha_id = formatUuid7(clock.now_ms(), random.bytes(10));
  const { question, answer, svg } = makeCaptcha(random);
  await store.put(captcha_id, answer, CAPTCHA_TTL_MS);
  return { captcha_id, question, svg, expire_time_ms: clock.now_ms() + CAPTCHA_TTL_MS };
}

/** A token for a right answer. CAPTCHA_WRONG otherwise; a captcha is tried once, right or wrong. */
export async function solveCaptcha({ store, signer, clock }: CaptchaDeps, captcha_id: string, answer: string): Promise<Result<string>> {
  const expected = await store.take(captcha_id.slice(0, 64));
  if (expected === undefined || expected !== normaliseAnswer(answer)) return fail('CAPTCHA_WRONG');
  const text = `${captcha_id}.${clock.now_ms() + TOKEN_TTL_MS}`;
  return ok(`${text}.${signer.sign(text)}`);
}

export function captchaTokens({ store, signer, clock }: CaptchaDeps): CaptchaTokens {
  return {
    /** True once for a token of ours that has not expired. */
    async spend(token) {
      const [captcha_id, expire, signature, ...more] = token.split('.');
      if (captcha_id === undefined || expire === undefined || signature === undefined || more.length > 0) return false;
      if (!signer.verify(`${captcha_id}.${expire}`, signature) || Number(expire) <= clock.now_ms()) return false;
      return store.spend(captcha_id, TOKEN_TTL_MS);
    },
  };
}
