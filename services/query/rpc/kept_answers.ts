import type { MessageInitShape, DescMessage } from '@bufbuild/protobuf';
import { Degradation } from '#gen/rail/query/v1/query_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { Around, Asked, Prepared } from '#kit/rpc/prepared.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { OLDEST_MS, type AnswerCache } from '../app/answer_cache.ts';
import type { Heard } from '../app/heard.ts';
import type { SharedAnswers } from '../app/shared_answers.ts';
import { answerBytes, answerOf, Written, degradedBytes, type Answer, type Lack } from './answer_bytes.ts';
import { answerRuleOf, requestOf, type AnswerRule } from './answer_rules.ts';

export type KeptAnswersDeps = {
  cache: AnswerCache<Answer>;
  shared: SharedAnswers;
  clock: Clock;
  timetable_version: () => string;
  /** When inventory's stream, and the store of timetables, were last heard. */
  inventory: Heard;
  timetables: Heard;
  /** After so long without the store of timetables answers say that they may miss a newer timetable. */
  timetable_patience_ms: number;
  /** Told of each search by nobody in particular that was made: its request. */
  onSearch: (request: string) => void;
};

/** How keys of searches without a token begin; the request follows. */
const OPEN_SEARCH = 'SearchTrains  ';
/** One key is shared no more often: the shortest life there. */
const SHARE_EVERY_MS = 5_000;
/** Keys whose last sharing is remembered; beyond it all are shared once more. */
const MAX_SHARED_KEYS = 20_000;

/**
 * The answers of the public reads, by tier: what is kept in this process, else made from memory, else, where memory is
 * behind or not there yet, what another replica shared. Identical questions that come while one is being answered wait for
 * that answer.
 */
export function keptAnswers(deps: KeptAnswersDeps): Around {
  const answers = new KeptAnswers(deps);
  return (asked) => {
    const rule = answerRuleOf(asked.method);
    return rule === undefined ? asked.answer() : answers.give(asked, rule);
  };
}

class KeptAnswers {
  readonly #deps: KeptAnswersDeps;
  readonly #under_way = new Map<string, Promise<Answer>>();
  readonly #shared_ms = new Map<string, number>();
  readonly #given = metricsFor('query').counter('query_answers_total', 'Answers of public reads by the tier they came from', ['method', 'tier']);

  constructor(deps: KeptAnswersDeps) {
    this.#deps = deps;
  }

  give(asked: Asked, rule: AnswerRule): Prepared | Promise<Prepared> {
    const { account } = asked.call;
    const pick = (answer: Answer): Prepared => (account === undefined ? answer.open : answer.own);
    // The channel of a token counts, whatever the request says.
    const key = `${asked.method.name} ${account?.channel ?? ''} ${asked.bytes.toString('latin1')}`;
    const kept = this.#deps.cache.get(key);
    if (kept !== undefined) {
      this.#given.inc({ method: asked.method.name, tier: 'kept' });
      this.#share(key, kept);
      return pick(kept);
    }
    const joined = this.#under_way.get(key);
    if (joined !== undefined) {
      this.#given.inc({ method: asked.method.name, tier: 'joined' });
      return joined.then(pick);
    }
    const made = this.#make(key, asked, rule);
    if (!(made instanceof Promise)) return pick(made);
    this.#under_way.set(key, made);
    return made.finally(() => this.#under_way.delete(key)).then(pick);
  }

  /** From memory, which takes no waiting; everything else does. */
  #make(key: string, asked: Asked, rule: AnswerRule): Answer | Promise<Answer> {
    let given: unknown;
    try {
      given = asked.answer();
    } catch (error) {
      return this.#insteadOf(key, asked, rule, undefined, error);
    }
    if (!(given instanceof Promise)) return this.#finish(key, asked, rule, given as Init);
    return given.then((later: Init) => this.#finish(key, asked, rule, later), (error: unknown) => this.#insteadOf(key, asked, rule, undefined, error));
  }

  #finish(key: string, asked: Asked, rule: AnswerRule, given: Init): Answer | Promise<Answer> {
    const { clock, timetable_version, cache } = this.#deps;
    const as_of_ms = clock.now_ms();
    const lack = this.#lackOf(given);
    const answer = answerBytes(asked.method.output, given, { timetable_version: timetable_version(), as_of_ms, max_age_s: rule.max_age_s, lack });
    if (lack?.degraded_by === Degradation.INVENTORY) return this.#insteadOf(key, asked, rule, { answer, age_ms: this.#deps.inventory.age_ms() ?? Infinity }, undefined);
    const parts = given instanceof Written ? given.parts : rule.partsOf(given as never, requestOf(asked.method, asked.bytes), as_of_ms);
    cache.put(key, { ...parts, value: answer, size_bytes: answer.open.bytes.length + key.length, lasting: parts.lasting && answer.whole });
    this.#given.inc({ method: asked.method.name, tier: 'memory' });
    if (key.startsWith(OPEN_SEARCH)) this.#deps.onSearch(key.slice(OPEN_SEARCH.length));
    return answer;
  }

  #lackOf(given: { stale?: boolean }): Lack | undefined {
    const { inventory, timetables, timetable_patience_ms } = this.#deps;
    if (given.stale === true) return { degraded_by: Degradation.INVENTORY, age_ms: inventory.age_ms() ?? 0 };
    const age_ms = timetables.age_ms() ?? 0;
    return age_ms > timetable_patience_ms ? { degraded_by: Degradation.TIMETABLE, age_ms } : undefined;
  }

  /** Memory is behind, or has nothing: another replica may know better. What was newer wins. */
  async #insteadOf(key: string, asked: Asked, rule: AnswerRule, ours: { answer: Answer; age_ms: number } | undefined, error: unknown): Promise<Answer> {
    const { shared, clock } = this.#deps;
    if (ours === undefined && !isAway(error)) throw error;
    const found = await shared.find(key);
    const age_ms = found === undefined ? Infinity : Math.max(0, clock.now_ms() - found.as_of_ms);
    const tier = found !== undefined && (ours === undefined || age_ms < ours.age_ms) ? 'shared' : 'stale';
    if (tier === 'stale' && ours === undefined) throw error;
    const answer = tier === 'stale' ? ours!.answer : answerOf(degradedBytes(asked.method.output, found!.bytes, { degraded_by: Degradation.REPLICA, age_ms }), { as_of_ms: found!.as_of_ms, etag: found!.etag, max_age_s: rule.max_age_s, whole: false });
    this.#deps.cache.put(key, { value: answer, size_bytes: answer.open.bytes.length + key.length, run_ids: [], ends_ms: (found?.as_of_ms ?? Infinity) + OLDEST_MS, lasting: false });
    this.#given.inc({ method: asked.method.name, tier });
    return answer;
  }

  /** Only what is asked for again, and only what no tier was missing from. */
  #share(key: string, answer: Answer): void {
    if (!answer.whole) return;
    const now_ms = this.#deps.clock.monotonic_ms();
    if (now_ms - (this.#shared_ms.get(key) ?? -Infinity) < SHARE_EVERY_MS) return;
    if (this.#shared_ms.size >= MAX_SHARED_KEYS) this.#shared_ms.clear();
    this.#shared_ms.set(key, now_ms);
    this.#deps.shared.share(key, { bytes: answer.open.bytes, as_of_ms: answer.as_of_ms, etag: answer.etag });
  }
}

type Init = (MessageInitShape<DescMessage> & { stale?: boolean }) | Written;

function isAway(error: unknown): boolean {
  return error instanceof RpcError && error.reason === 'DEPENDENCY_UNAVAILABLE';
}
