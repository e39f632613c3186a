/** Durable holds by the unary method, beside a bare grpc-js server that is called by the same client and callers. */
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { create, toBinary } from '@bufbuild/protobuf';
import { HoldSeatsResponseSchema, InventoryService, type HoldSeatsResponse } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { createClient } from '#kit/rpc/client.ts';
import { say } from '../../say.ts';
import { keep } from '../../stack/child.ts';
import { freePort, LOOPBACK } from '../../stack/ports.ts';
import { NODE_BIN, ROOT } from '../../tools/paths.ts';
import { Acknowledgements } from './acknowledged.ts';
import { cpuBetween, cpuOf, untilIdle } from './cpu.ts';
import { closedLoop, refusedText, unaryHold, type Wishes } from './load.ts';
import { median, ratioOf, round } from './measure.ts';
import { holdRequest } from './mix.ts';
import type { Sizes } from './options.ts';
import type { InventoryClient, World } from './world.ts';

export const UNARY_CALLERS = 64;

export async function measureUnary(world: World, wishes: Wishes, acknowledged: Acknowledgements, { rounds, round_ms }: Sizes): Promise<Record<string, unknown>> {
  const first = await world.client.holdSeats(holdRequest(wishes.spread()));
  acknowledged.note(first.hold);
  const echo = await startEcho(world, first);
  const rates = { echo: [] as number[], holds: [] as number[], cpu_us: [] as number[] };
  try {
    for (let number = 1; number <= rounds; number += 1) {
      // The bare server answers with one and the same hold: noted like any other, but for nobody.
      const echoed = await closedLoop(UNARY_CALLERS, round_ms, () => unaryHold(echo.client, wishes.spread(), new Acknowledgements()));
      rates.echo.push(echoed.held / echoed.took_s);
      const before = cpuOf(world.processes());
      const outcome = await closedLoop(UNARY_CALLERS, round_ms * 2, () => unaryHold(world.client, wishes.spread(), acknowledged));
      await untilIdle(world.processes());
      const used_s = Object.values(cpuBetween(before, cpuOf(world.processes()))).reduce((sum, seconds) => sum + seconds, 0);
      rates.holds.push(outcome.held / outcome.took_s);
      rates.cpu_us.push((used_s * 1e6) / outcome.held);
      const text = `echo ${round(rates.echo.at(-1)!)}/s, holds ${round(rates.holds.at(-1)!)}/s ${refusedText(outcome)}`;
      say(`unary, round ${number} of ${rounds}: ${text}`, `单次调用，第 ${number}/${rounds} 轮：${text}`);
    }
  } finally {
    await echo.stop();
  }
  return {
    durable_unary_ratio: ratioOf(rates.holds, rates.echo),
    unary_holds_per_s: round(median(rates.holds)),
    echo_per_s: round(median(rates.echo)),
    unary_cpu_us_per_hold: round(median(rates.cpu_us), 1),
  };
}

async function startEcho(world: World, answer: HoldSeatsResponse): Promise<{ client: InventoryClient; stop(): Promise<void> }> {
  const address = `${LOOPBACK}:${await freePort()}`;
  const bytes = Buffer.from(toBinary(HoldSeatsResponseSchema, create(HoldSeatsResponseSchema, answer)));
  const port = address.slice(address.indexOf(':') + 1);
  const words = [join(NODE_BIN, 'node'), join(ROOT, 'scripts', 'bench', 'inventory', 'echo_server.ts'), port, bytes.toString('base64')];
  const kept = await keep({ name: 'echo', words, env: process.env, cwd: ROOT, ready: () => connects(address) }, world.folders, say, new AbortController().signal);
  const client = createClient(InventoryService, { address, service: 'order', caller_key: world.caller_key });
  return {
    client,
    async stop() {
      client.close();
      await kept.stop();
    },
  };
}

const CONNECT_WITHIN_MS = 30_000;

function connects(address: string): Promise<void> {
  const client = new Client(address, credentials.createInsecure());
  return new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + CONNECT_WITHIN_MS, (error) => (error === undefined ? resolve() : reject(error)));
  }).finally(() => client.close());
}
