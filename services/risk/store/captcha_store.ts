import type { RedisStore } from '#kit/store/redis.ts';
import type { CaptchaStore } from '../app/ports.ts';
import { redisOrAway } from './outage.ts';

/** Captchas live minutes and own nothing: Redis may forget them, people then solve another. */
export function openCaptchaStore({ client }: RedisStore): CaptchaStore {
  return {
    async put(captcha_id, answer, ttl_ms) {
      await redisOrAway(client.set(`risk:captcha:{${captcha_id}}`, answer, 'PX', ttl_ms));
    },
    async take(captcha_id) {
      return (await redisOrAway(client.getdel(`risk:captcha:{${captcha_id}}`))) ?? undefined;
    },
    async spend(token_id, ttl_ms) {
      return (await redisOrAway(client.set(`risk:captcha-spent:{${token_id}}`, '1', 'PX', ttl_ms, 'NX'))) === 'OK';
    },
  };
}
