import { judge, type Words } from './judge.ts';
import type { Limits } from './limits.ts';
import { add, type Sample } from './sample.ts';

/** What is seen during a step. */
export type Observation = {
  /** Share of the traffic that the step gives, in percent. */
  percent: number;
  /** Whether any request can come at all: a share above nothing, or named users. */
  reachable: boolean;
  since_begin_ms: number;
  /** Since the numbers were last seen. */
  blind_ms: number;
  canary: Sample;
  stable: Sample;
  /** What the old version did during the steps before: it gets no requests at 100 %. */
  reference: Sample;
  canary_ready: number;
  stable_ready: number;
  freeze: Words | undefined;
};

export type Decision = { kind: 'wait'; for: Words } | { kind: 'go_on' } | { kind: 'roll_back'; why: Words };

/**
 * What to do now. Bad news is acted upon at once and at any number; good news only after the step's time and requests. A step that is
 * not through by its limit is given up: nobody watches a canary for ever.
 */
export function decide(seen: Observation, limits: Limits): Decision {
  if (seen.canary_ready === 0) return rollBack('no pod of the canary is ready', '金丝雀没有就绪的实例');
  if (seen.freeze !== undefined) return rollBack(`a freeze has begun: ${seen.freeze.en}`, `变更冻结开始：${seen.freeze.zh}`);
  if (seen.blind_ms > limits.blind_ms) return rollBack(`the numbers of the proxies were not seen for ${seconds(seen.blind_ms)} s`, `${seconds(seen.blind_ms)} 秒未能读到代理的统计`);
  const verdict = judge(seen.canary, comparedWith(seen, limits), limits);
  if (verdict.kind === 'bad') return { kind: 'roll_back', why: verdict.why };

  const requests_min = seen.reachable ? limits.requests_min : 0;
  const lacking = waitsFor(seen, limits, requests_min) ?? (verdict.kind === 'suspicious' ? verdict.why : undefined);
  if (lacking === undefined) return { kind: 'go_on' };
  if (seen.since_begin_ms >= limits.step_within_ms) return rollBack(`the step was not through after ${seconds(limits.step_within_ms)} s: ${lacking.en}`, `该步骤 ${seconds(limits.step_within_ms)} 秒内未完成：${lacking.zh}`);
  return { kind: 'wait', for: lacking };
}

/** The old version of the same time where it has enough requests, else with what it did before. */
export function comparedWith({ stable, reference }: Observation, limits: Limits): Sample {
  return stable.requests >= limits.compared_min ? stable : add(stable, reference);
}

function waitsFor({ since_begin_ms, canary, stable_ready }: Observation, limits: Limits, requests_min: number): Words | undefined {
  if (stable_ready === 0) return { en: 'no pod of the stable version is ready', zh: '稳定版没有就绪的实例' };
  if (since_begin_ms < limits.dwell_ms) return { en: `${seconds(limits.dwell_ms - since_begin_ms)} s more`, zh: `还需 ${seconds(limits.dwell_ms - since_begin_ms)} 秒` };
  if (canary.requests < requests_min) return { en: `${canary.requests} of ${requests_min} requests so far`, zh: `目前 ${canary.requests}/${requests_min} 个请求` };
  return undefined;
}

function rollBack(en: string, zh: string): Decision {
  return { kind: 'roll_back', why: { en, zh } };
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
