/** Start-up cold and warm, memory, and purchases one after the other, each step timed, on a stack of its own. */
import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { say } from '../say.ts';
import { startStack, type Stack } from '../stack/up.ts';
import { Traveller } from '../traveller/traveller.ts';
import { patiently } from '../traveller/patience.ts';
import { verifyTicket } from '../traveller/verify.ts';
import type { Bench } from '../bench.ts';
import { memoryOf } from './memory.ts';

const NAME = 'bench-spine';
const PURCHASES = 20;

export const bench: Bench = {
  about: 'cold and warm start, memory of the whole stack, one purchase step by step (--feed FILE, --purchases N)',
  about_zh: '冷启动与热启动、整套内存、单次购票各步耗时（--feed 文件、--purchases 次数）',
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { feed: { type: 'string' }, purchases: { type: 'string', default: String(PURCHASES) } } });
    const feed = values.feed === undefined ? undefined : resolve(process.env.INIT_CWD ?? process.cwd(), values.feed);
    const cold = await timed(() => start(true, feed));
    await cold.value.stop();
    const warm = await timed(() => start(false, undefined));
    const stack = warm.value;
    try {
      const steps = await purchases(stack, Number(values.purchases));
      const memory = memoryOf(stack.kept.map((child) => ({ name: child.name, pid: child.pid()! })));
      const result = {
        cold_start_s: seconds(cold.took_ms), warm_start_s: seconds(warm.took_ms),
        memory_mib: memory.reduce((sum, { pss_mib }) => sum + pss_mib, 0), memory_by_process_mib: Object.fromEntries(memory.map(({ name, pss_mib }) => [name, pss_mib])),
        purchases: Number(values.purchases), step_p50_ms: medians(steps),
      };
      console.table(result.step_p50_ms);
      console.table(result.memory_by_process_mib);
      return result;
    } finally {
      await stack.stop();
    }
  },
};

function start(reset: boolean, feed: string | undefined): Promise<Stack> {
  return startStack({ name: NAME, reset, layout: 'grouped', redis_fsync: 'everysec', log_level: 'warn', services: 'all', edge: true, web: true, seed: true, feed, tell: say, signal: new AbortController().signal });
}

type StepTimes = Record<string, number>;

async function purchases({ page }: Stack, count: number): Promise<StepTimes[]> {
  const all: StepTimes[] = [];
  const date = addDays(serviceDateAt(Date.now()), 2);
  for (let number = 0; number < count; number++) all.push(await purchase(page, date));
  return all;
}

/** Every purchase is another person on another device, so limits do not slow it. */
async function purchase(page: string, date: string): Promise<StepTimes> {
  const traveller = new Traveller(page);
  const times: StepTimes = {};
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const { value, took_ms } = await timed(work);
    times[name] = took_ms;
    return value;
  };
  await step('register', () => traveller.register());
  const passenger = await step('add_passenger', () => traveller.addPassenger());
  const choice = await step('search', () => traveller.findTrain({ case: 'cityZh', value: '北京' }, { case: 'cityZh', value: '上海' }, date));
  const token = await step('submit', () => traveller.submit(choice!, passenger));
  const order_id = await step('queue_to_order', () => traveller.waitInQueue(token));
  const payment = await step('open_payment', () => traveller.openPayment(order_id));
  await step('pay_at_cashier', () => traveller.payAtCashier(payment.payUrl));
  const order = await step('paid_to_ticket', () => traveller.waitForEnd(order_id));
  if (order.state !== OrderState.SUCCESS) throw new Error(`order ${order_id} did not succeed`);
  const { tickets } = await step('fetch_ticket', () => patiently(() => traveller.api.ticketing.listTickets({ orderId: order_id })));
  await step('verify', () => verifyTicket(traveller.api, tickets[0]!));
  times.total = Object.values(times).reduce((sum, took_ms) => sum + took_ms, 0);
  return times;
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; took_ms: number }> {
  const from_ms = performance.now();
  const value = await work();
  return { value, took_ms: performance.now() - from_ms };
}

function medians(all: readonly StepTimes[]): Record<string, number> {
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, Math.round(all.map((times) => times[name]!).toSorted((a, b) => a - b)[all.length >> 1]!)]));
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
