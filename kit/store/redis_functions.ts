// Redis Functions (never EVAL, whose cache dies at failover). Library and function names carry a version, versions
// live side by side and REPLACE is never used, so that a canary can't change the code under the stable release.
import { Cluster, type Redis } from 'ioredis';
import { mastersOf, type RedisClient } from './redis.ts';

export interface LibrarySource {
  /** As in the first line of `source`: `#!lua name=inventory_v1`. Ends in its version. */
  readonly name: string;
  readonly source: string;
}

export interface FunctionCall {
  readonly fn: string;
  /** In a cluster all in one slot: `{bucket}` in each. */
  readonly keys: readonly (string | Buffer)[];
  readonly args?: readonly (string | number | Buffer)[];
}

export type CallOutcome = { readonly ok: true; readonly reply: unknown } | { readonly ok: false; readonly error: Error };

export interface FunctionLibrary {
  /** FCALL; a master that lost its functions gets the library and the call is made once more. Replies are text. */
  call(call: FunctionCall): Promise<unknown>;
  /** The same with replies as Buffers: for bitmaps. */
  callBuffer(call: FunctionCall): Promise<unknown>;
  /** Many in one round trip (one pipeline, or one write per node of a cluster); outcomes in the order of the calls. */
  callMany(calls: readonly FunctionCall[], reply?: 'text' | 'buffer'): Promise<CallOutcome[]>;
  /** Loads it on every master that lacks it: after a failover or a restart. */
  load(): Promise<void>;
}

/** Loads the library on each master and returns the way to call it. Throws when a master has other code under its name. */
export async function registerLibrary(client: RedisClient, library: LibrarySource): Promise<FunctionLibrary> {
  if (!/_v\d+$/.test(library.name)) throw new Error(`the name of a library ends in its version: ${library.name}`);
  if (!library.source.startsWith(`#!lua name=${library.name}\n`)) throw new Error(`the source does not name itself ${library.name}`);
  const load = async () => void (await Promise.all(mastersOf(client).map((node) => loadOn(node, library))));
  await load();

  async function once(call: FunctionCall, as: 'text' | 'buffer'): Promise<unknown> {
    const parts = [call.fn, call.keys.length, ...call.keys, ...(call.args ?? [])];
    return as === 'buffer' ? client.callBuffer('FCALL', ...parts) : client.call('FCALL', ...parts);
  }
  async function withLibrary(call: FunctionCall, as: 'text' | 'buffer'): Promise<unknown> {
    try {
      return await once(call, as);
    } catch (error) {
      if (!isFunctionMissing(error)) throw error;
      await load();
      return once(call, as);
    }
  }
  async function many(calls: readonly FunctionCall[], as: 'text' | 'buffer'): Promise<CallOutcome[]> {
    const first = client instanceof Cluster ? await apart(calls, (call) => once(call, as)) : await pipelined(client, calls, as);
    if (!first.some(isMissingOutcome)) return first;
    await load();
    return Promise.all(first.map(async (outcome, index) => {
      const call = calls[index];
      return call !== undefined && isMissingOutcome(outcome) ? outcomeOf(once(call, as)) : outcome;
    }));
  }
  return { call: (call) => withLibrary(call, 'text'), callBuffer: (call) => withLibrary(call, 'buffer'), callMany: (calls, reply = 'text') => many(calls, reply), load };
}

/** True when a server doesn't know the function: it restarted empty, or joined after the library was loaded. */
export function isFunctionMissing(error: unknown): boolean {
  return error instanceof Error && /^ERR Function not found/i.test(error.message);
}

async function loadOn(node: Redis, { name, source }: LibrarySource): Promise<void> {
  try {
    await node.call('FUNCTION', 'LOAD', source);
  } catch (error) {
    if (!(error instanceof Error) || !/already exists/i.test(error.message)) throw error;
    // Loaded before, by us or by another process: fine when it is the same text.
    const listed: unknown = await node.call('FUNCTION', 'LIST', 'LIBRARYNAME', name, 'WITHCODE');
    if (!JSON.stringify(listed).includes(JSON.stringify(source))) {
      throw new Error(`Redis has other code under the name ${name}: give the new code a new version`, { cause: error });
    }
  }
}

async function pipelined(client: Redis, calls: readonly FunctionCall[], as: 'text' | 'buffer'): Promise<CallOutcome[]> {
  const pipeline = client.pipeline();
  for (const call of calls) {
    const parts = [call.fn, call.keys.length, ...call.keys, ...(call.args ?? [])] as const;
    if (as === 'buffer') pipeline.callBuffer('FCALL', ...parts);
    else pipeline.call('FCALL', ...parts);
  }
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => (error === null ? { ok: true, reply } : { ok: false, error }));
}

function apart(calls: readonly FunctionCall[], send: (call: FunctionCall) => Promise<unknown>): Promise<CallOutcome[]> {
  return Promise.all(calls.map((call) => outcomeOf(send(call))));
}

async function outcomeOf(reply: Promise<unknown>): Promise<CallOutcome> {
  try {
    return { ok: true, reply: await reply };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

function isMissingOutcome(outcome: CallOutcome): boolean {
  return !outcome.ok && isFunctionMissing(outcome.error);
}
