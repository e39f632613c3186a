import { bucketOf } from './hash.ts';

/** Who gets the new value of a setting first (requirements: 灰度 1 %–20 %, by user, city, channel). */
export type GrayRule = {
  /** Whole per cent of all accounts, 0–100. */
  percent: number;
  cities: ReadonlySet<string>;
  /** As access tokens name them: web, app, mini, counter, partner. */
  channels: ReadonlySet<string>;
  account_ids: ReadonlySet<string>;
};

/** What is known of the one who asks; what is not known chooses nobody. */
export type GraySubject = { account_id?: string | undefined; city?: string | undefined; channel?: string | undefined };

/**
 * True for who is named by account, city or channel, and for `percent` of all accounts. The same account is always in or
 * always out, in every process; a larger percent keeps everybody who was in. Each key chooses other accounts, so that not
 * the same few people try everything first.
 */
export function isGray(key: string, rule: GrayRule, { account_id, city, channel }: GraySubject): boolean {
  if (city !== undefined && rule.cities.has(city)) return true;
  if (channel !== undefined && rule.channels.has(channel)) return true;
  if (account_id === undefined || account_id === '') return false;
  return rule.account_ids.has(account_id) || bucketOf(`${key} ${account_id}`, 100) < rule.percent;
}
