import type { Limits } from './limits.ts';
import { quantile_ms, slowerThan, timed, type Sample } from './sample.ts';
import { binomialAtLeast, fisherWorse } from './statistics.ts';

/** A sentence in both languages. */
export type Words = { en: string; zh: string };

export type Verdict = { kind: 'good' } | { kind: 'suspicious'; why: Words } | { kind: 'bad'; why: Words };

/** Compares the new version with the old one over the same time. The worst finding counts. */
export function judge(canary: Sample, stable: Sample, limits: Limits): Verdict {
  const findings = [tooManyErrors(canary, limits), moreErrors(canary, stable, limits), ...[0.95, 0.99].map((share) => slower(canary, stable, share, limits))];
  return findings.find(({ kind }) => kind === 'bad') ?? findings.find(({ kind }) => kind === 'suspicious') ?? GOOD;
}

const GOOD: Verdict = { kind: 'good' };

function tooManyErrors({ requests, errors }: Sample, limits: Limits): Verdict {
  const unlikely = binomialAtLeast(errors, requests, limits.error_share_max);
  return verdict(unlikely, errors, limits, {
    en: `${errors} of ${requests} requests to the canary failed: more than ${percent(limits.error_share_max)} may`,
    zh: `金丝雀的 ${requests} 个请求中 ${errors} 个失败，超过上限 ${percent(limits.error_share_max)}`,
  });
}

function moreErrors(canary: Sample, stable: Sample, limits: Limits): Verdict {
  const unlikely = fisherWorse(canary.errors, canary.requests, stable.errors, stable.requests);
  return verdict(unlikely, canary.errors, limits, {
    en: `the canary fails more often: ${canary.errors} of ${canary.requests}, stable ${stable.errors} of ${stable.requests} (by chance: ${odds(unlikely)})`,
    zh: `金丝雀失败更多：${canary.requests} 中 ${canary.errors} 个，稳定版 ${stable.requests} 中 ${stable.errors} 个（偶然概率 ${odds(unlikely)}）`,
  });
}

/** Were it as quick as it must be, a request would exceed the bound with at most the probability that the quantile leaves. */
function slower(canary: Sample, stable: Sample, share: number, limits: Limits): Verdict {
  const old_ms = quantile_ms(stable, share);
  if (old_ms === undefined || timed(stable) < limits.compared_min) return GOOD;
  const bound_ms = old_ms * limits.slower_factor + limits.slower_floor_ms;
  const slow = slowerThan(canary, bound_ms);
  const name = `p${Math.round(share * 100)}`;
  return verdict(binomialAtLeast(slow, timed(canary), 1 - share), slow, limits, {
    en: `the canary is slower: ${slow} of ${timed(canary)} took longer than ${Math.round(bound_ms)} ms (stable's ${name} is ${old_ms} ms)`,
    zh: `金丝雀更慢：${timed(canary)} 个请求中 ${slow} 个超过 ${Math.round(bound_ms)} 毫秒（稳定版 ${name} 为 ${old_ms} 毫秒）`,
  });
}

function verdict(unlikely: number, count: number, limits: Limits, why: Words): Verdict {
  if (count < limits.errors_min) return GOOD;
  if (unlikely < limits.surely) return { kind: 'bad', why };
  return unlikely < limits.perhaps ? { kind: 'suspicious', why } : GOOD;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}

function odds(probability: number): string {
  return probability >= 0.0001 ? probability.toFixed(4) : probability.toExponential(0);
}
