import { createHash } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import { openingAt, type SaleOpening } from '#kit/base/openings.ts';
import type { Random } from '#kit/base/random.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Limit } from '../domain/limit.ts';
import { decide, tightened, track, type Crossings, type Mode, type Protection, type ProtectionLimits, type Signals } from '../domain/protection.ts';
import { worstOf, type Report } from '../domain/signals.ts';
import type { ConfigHub } from './config.ts';
import { STATE_KEY } from './config_keys.ts';
import type { ConfigStore, ReportStore } from './ports.ts';

export type ProtectionMeters = { state(state: Protection): void; signals(signals: Signals | undefined): void; switched(state: Protection): void };

export type ProtectionDeps = {
  hub: ConfigHub;
  store: ConfigStore;
  reports: Pick<ReportStore, 'recent'>;
  meters: ProtectionMeters;
  clock: Clock;
  random: Random;
  log: { warn(fields: object, message: string): void };
};

/**
 * Protection mode (DESIGN §8; requirements: 开售窗口容量保护). Its state is a setting that only this writes: versioned,
 * audited, kept over restarts, and told to whoever watches. Every process of risk judges the same reports by the same rules;
 * of two that come to the same end at once, the first write counts and the other one's is stale.
 */
export class ProtectionWatch {
  readonly #deps: ProtectionDeps;
  #crossings: Crossings = {};
  #readable = true;

  constructor(deps: ProtectionDeps) {
    this.#deps = deps;
  }

  state(): Protection {
    return this.#deps.hub.value<Protection>(STATE_KEY);
  }

  /** What limits at the edge and queues are multiplied by now. */
  shares(): { edge: number; queue: number } {
    const { hub } = this.#deps;
    return this.state().active ? { edge: hub.value('protection.edge_share'), queue: hub.value('protection.queue_share') } : { edge: 1, queue: 1 };
  }

  limit(usual: Limit): Limit {
    const { edge } = this.shares();
    return edge === 1 ? usual : tightened(usual, edge);
  }

  /** Looks once. Without Redis nothing is measured, and openings and operators count all the same. */
  async evaluate(): Promise<void> {
    const { hub, meters, clock } = this.#deps;
    const limits = hub.value<ProtectionLimits>('protection.limits');
    const now_ms = clock.now_ms();
    const signals = worstOf(await this.#recent(), limits.min_calls);
    this.#crossings = track(this.#crossings, signals, limits, now_ms);
    const opening = openingAt(hub.value<SaleOpening[]>('sale.openings'), now_ms)?.name;
    const state = this.state();
    const next = decide(state, { mode: hub.value<Mode>('protection.mode'), opening, signals, crossings: this.#crossings }, limits, now_ms);
    if (next !== state) await this.#write(next, now_ms);
    meters.signals(signals);
    meters.state(this.state());
  }

  async #recent(): Promise<Report[]> {
    try {
      const recent = await this.#deps.reports.recent();
      this.#readable = true;
      return recent;
    } catch (error) {
      if (this.#readable) this.#deps.log.warn({ error }, 'no measurements can be read; none switches protection for now');
      this.#readable = false;
      return [];
    }
  }

  async #write(next: Protection, now_ms: number): Promise<void> {
    const { hub, store, meters, random, log } = this.#deps;
    const base_version = hub.get([STATE_KEY])[0]?.version ?? 0;
    const value_json = JSON.stringify(next);
    const comment = `${next.active ? 'on' : 'off'}: ${next.reason}${next.detail === '' ? '' : `, ${next.detail}`}`;
    const actor = { account_id: 'protection', device_id: '', ip: '', request_id: formatUuid7(now_ms, random.bytes(10)), method: 'protection', body_hash: createHash('sha256').update(value_json).digest() };
    const written = await store.put({ key: STATE_KEY, value_json, comment, gray: undefined }, base_version, actor);
    // When another process was faster, its word is read now.
    await hub.refresh();
    if (!written.ok) return;
    meters.switched(next);
    log.warn({ active: next.active, reason: next.reason, detail: next.detail }, 'protection mode changed');
  }
}
