import { formatRfc3339 } from '#kit/base/time.ts';
import { bucketSet } from './domain/buckets.ts';
import { isOver, type CanaryState } from './domain/state.ts';

type Language = 'en' | 'zh';

/** What is going to happen, before it does. */
export function planText(state: CanaryState, language: Language): string {
  const { service, image, old_image, replicas, only, limits } = state;
  const named = only.map(({ header, value }) => `${header}: ${value}`).join(', ');
  return language === 'en'
    ? `${service}: ${old_image} → ${image}, ${replicas} pods; steps ${stepsText(state, 'buckets')}${named === '' ? '' : `, and always ${named}`}; each at least ${limits.dwell_ms / 1000} s and ${limits.requests_min} requests`
    : `${service}：${old_image} → ${image}，${replicas} 个实例；步骤 ${stepsText(state, '分桶')}${named === '' ? '' : `，始终包含 ${named}`}；每步至少 ${limits.dwell_ms / 1000} 秒且 ${limits.requests_min} 个请求`;
}

/** Where it is. */
export function statusText(state: CanaryState, language: Language): string {
  const { phase, phase_begin_ms, steps, step, reason, abort, holder, override_freeze } = state;
  const since = formatRfc3339(phase_begin_ms).slice(0, 19).replace('T', ' ');
  const at = phase === 'shifting' ? ` ${steps[step]} %` : '';
  const en = [
    planText(state, language),
    `${phase}${at} since ${since} Beijing time`,
    ...(reason === undefined ? [] : [`reason: ${reason.en}`]),
    ...(abort === undefined || reason !== undefined ? [] : [`to be aborted: ${abort.en}`]),
    ...(override_freeze === undefined ? [] : [`despite a freeze: ${override_freeze}`]),
    ...(isOver(state) || holder !== undefined ? [] : ['nobody drives it: --resume or --abort']),
  ];
  const zh = [
    planText(state, language),
    `${phase}${at}，自北京时间 ${since}`,
    ...(reason === undefined ? [] : [`原因：${reason.zh}`]),
    ...(abort === undefined || reason !== undefined ? [] : [`将中止：${abort.zh}`]),
    ...(override_freeze === undefined ? [] : [`冻结期间强制执行：${override_freeze}`]),
    ...(isOver(state) || holder !== undefined ? [] : ['当前无人控制：请用 --resume 或 --abort']),
  ];
  return (language === 'en' ? en : zh).join('\n');
}

function stepsText({ steps, bucket_count }: CanaryState, buckets: string): string {
  return steps.map((percent) => (bucket_count === undefined || percent === 100 ? `${percent} %` : `${bucketSet(bucket_count, percent).length}/${bucket_count} ${buckets}`)).join(', ');
}
