/** Calls of bare bytes: answers are not read, so that the client costs the same whoever answers. */
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { passBytes } from '#kit/rpc/messages.ts';

export const SEARCH_PATH = '/rail.query.v1.QueryService/SearchTrains';

export type Caller = { ask(request: Buffer): Promise<Buffer>; close(): void };

const TIMEOUT_MS = 20_000;

export function caller(address: string): Caller {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_channelz': 0 });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(SEARCH_PATH, passBytes, passBytes, request, new Metadata(), { deadline: Date.now() + TIMEOUT_MS }, (error, answer) => (error === null ? resolve(answer!) : reject(error)));
      }),
    close: () => client.close(),
  };
}

export type Loop = { answers: number; bytes: number; took_s: number };

/** So many callers, each with one question under way, for a time. */
export async function closedLoop(callers: number, for_ms: number, ask: () => Promise<Buffer>): Promise<Loop> {
  const loop: Loop = { answers: 0, bytes: 0, took_s: 0 };
  const from_ms = performance.now();
  const one = async (): Promise<void> => {
    while (performance.now() - from_ms < for_ms) {
      const { length } = await ask();
      loop.bytes += length;
      loop.answers += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, one));
  loop.took_s = (performance.now() - from_ms) / 1000;
  return loop;
}
