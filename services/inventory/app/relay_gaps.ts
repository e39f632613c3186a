/** How many states each process has told of each bucket. */
export type RelayCounts = ReadonlyMap<number, number>;

/** Beats come each second; three that are missing mean that a process has ended or can't be heard. */
export const BEAT_MS = 1_000;
const SILENT_AFTER_MS = 3_500;
/** A process that is silent for so long is not coming back under its name. */
const GONE_AFTER_MS = 60_000;

type Sender = { counts: Map<number, number>; /** Its first beat came: buckets that are not counted it had told nothing of. */ known: boolean; heard_ms: number; /** After so much silence it is time to read again. */ patience_ms: number };

/**
 * Finds out what the relay between processes has lost, from numbers that each sender counts by bucket and says again with
 * each beat. Every answer names buckets to read again. A sender that falls silent may have changed seats and told nobody,
 * so its buckets are read again, too, as long as it may be alive.
 */
export class RelayGaps {
  readonly #senders = new Map<string, Sender>();

  /** A state came as the sender's `number`th of the bucket. */
  told(sender: string, bucket: number, number: number, now_ms: number): number[] {
    const one = this.#heard(sender, now_ms);
    const expected = one.counts.get(bucket) ?? (one.known ? 0 : number - 1);
    one.counts.set(bucket, Math.max(expected, number));
    return number > expected + 1 ? [bucket] : [];
  }

  /** The first beat of a process that is new to us names all it has told: who listened before it may have missed any of it. */
  beat(sender: string, counts: RelayCounts, now_ms: number): number[] {
    const one = this.#heard(sender, now_ms);
    const missed = [...counts].filter(([bucket, count]) => (one.counts.get(bucket) ?? 0) < count).map(([bucket]) => bucket);
    for (const bucket of missed) one.counts.set(bucket, counts.get(bucket)!);
    one.known = true;
    return missed;
  }

  /** To be asked each second. Silence is answered after 3.5, 7, 14 … seconds: reading a bucket costs as much as telling it all. */
  silent(now_ms: number): number[] {
    const buckets = new Set<number>();
    for (const [name, sender] of this.#senders) {
      const silent_ms = now_ms - sender.heard_ms;
      if (silent_ms > GONE_AFTER_MS) this.#senders.delete(name);
      if (silent_ms <= sender.patience_ms) continue;
      sender.patience_ms *= 2;
      for (const bucket of sender.counts.keys()) buckets.add(bucket);
    }
    return [...buckets];
  }

  /** It has told everything and ends. */
  ended(sender: string): void {
    this.#senders.delete(sender);
  }

  #heard(name: string, now_ms: number): Sender {
    const sender = this.#senders.get(name) ?? { counts: new Map<number, number>(), known: false, heard_ms: now_ms, patience_ms: SILENT_AFTER_MS };
    this.#senders.set(name, sender);
    sender.heard_ms = now_ms;
    sender.patience_ms = SILENT_AFTER_MS;
    return sender;
  }
}
