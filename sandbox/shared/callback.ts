// Callbacks of an outside system to us: signed, tried again until they are taken, and faulty when told to.
import type { KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { SIGNATURE_HEADER, signPart } from '#kit/external/signature.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Faults } from './faults.ts';

export type CallbackSenderOptions = {
  sign_key: KeyObject;
  faults: Faults;
  log: Log;
  clock?: Clock;
  /** Pauses between tries. The last one repeats until `give_up_after`. */
  pauses_ms?: readonly number[];
  give_up_after?: number;
  timeout_ms?: number;
};

export type Callback = { url: string; body: unknown };

export type CallbackSender = {
  /**
   * Sends until somebody answers 2xx; false when it gave up or was stopped. Knobs on the callback's path: `delay`,
   * `drop` (this try is lost), `bad_signature`, `duplicate_callback` (sent again after it was taken, with the same
   * bytes and nonce), `reorder` (held back by `delay_ms`, default 2 s, so that later ones overtake it).
   */
  send(callback: Callback): Promise<boolean>;
  /** The same; what the answer said, as JSON, where it said 2xx, else undefined. */
  ask(callback: Callback): Promise<{ answer: unknown } | undefined>;
  stop(): Promise<void>;
};

export function createCallbackSender(options: CallbackSenderOptions): CallbackSender {
  const { faults, log, clock = systemClock, pauses_ms = [200, 1000, 5000, 15_000], give_up_after = 50, timeout_ms = 3000 } = options;
  const ending = new AbortController();
  const running = new Set<Promise<unknown>>();
  const pause = (ms: number) => sleep(ms, undefined, { signal: ending.signal, ref: false }).catch(() => undefined);

  async function post(url: URL, body: Buffer<ArrayBuffer>): Promise<Taken> {
    if (faults.take(url.pathname, 'drop') !== undefined) return undefined;
    const path = `${url.pathname}${url.search}`;
    const headers = { ...signPart({ method: 'POST', path, body }, { key: options.sign_key, now_ms: clock.now_ms() }), 'content-type': 'application/json' };
    if (faults.take(url.pathname, 'bad_signature') !== undefined) headers[SIGNATURE_HEADER] = Buffer.from('forged').toString('base64');
    const again = faults.take(url.pathname, 'duplicate_callback') === undefined ? 1 : 2;
    let taken: Taken;
    for (let time = 0; time < again; time += 1) {
      const response = await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal: AbortSignal.any([ending.signal, AbortSignal.timeout(timeout_ms)]) });
      const text = await response.text();
      if (response.ok) taken ??= { answer: parseJson(text) };
    }
    return taken;
  }

  async function deliver({ url: address, body }: Callback): Promise<Taken> {
    const url = new URL(address);
    const bytes = Buffer.from(JSON.stringify(body));
    for (const kind of ['delay', 'reorder']) {
      const rule = faults.take(url.pathname, kind);
      if (rule !== undefined) await pause(rule.delay_ms ?? 2000);
    }
    for (let tried = 0; tried < give_up_after && !ending.signal.aborted; tried += 1) {
      if (tried > 0) await pause(pauses_ms[Math.min(tried - 1, pauses_ms.length - 1)] ?? 1000);
      if (ending.signal.aborted) return undefined;
      const taken = await post(url, bytes).catch((error: unknown) => {
        if (!ending.signal.aborted) log.debug({ error, tried }, 'a callback was not taken');
        return undefined;
      });
      if (taken !== undefined) return taken;
    }
    return undefined;
  }

  function ask(callback: Callback): Promise<Taken> {
    const sending = deliver(callback);
    running.add(sending);
    void sending.finally(() => running.delete(sending)).catch(() => undefined);
    return sending;
  }

  return {
    ask,
    send: async (callback) => (await ask(callback)) !== undefined,
    async stop() {
      ending.abort();
      await Promise.allSettled(running);
    },
  };
}

type Taken = { answer: unknown } | undefined;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
