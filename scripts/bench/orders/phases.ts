/** Phases of load: people first, then arrivals at a rate, then everything that was begun comes to its end. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say, step } from '../../say.ts';
import { NODE_BIN, ROOT } from '../../tools/paths.ts';
import { cpuBetween, cpuOf, untilIdle, type CpuTimes } from '../inventory/cpu.ts';
import { quantile, round } from '../inventory/measure.ts';
import { costsBetween, costsOf, type Costs } from './costs.ts';
import { Demand } from './demand.ts';
import type { Phase, PhaseReport } from './generator.ts';
import { openPeople, type People } from './people.ts';
import type { World } from './world.ts';

export type PhaseResult = {
  rate_per_s: number;
  seconds: number;
  issued: number;
  /** Of tickets issued while people arrived, its first fifth left out, when there are none to be issued yet. */
  issued_per_s: number;
  outcomes: Record<string, number>;
  took_p95_ms: number;
  order_ids: string[];
  /** CPU seconds, by process. */
  cpu_s: CpuTimes;
  outside_cpu_s: CpuTimes;
  generator_cpu_s: number;
  /** Per ticket. */
  costs: Costs;
  /** How long CPU was counted. */
  counted_s: number;
  began_ms: number;
  arrivals_end_ms: number;
};

const WARM_SHARE = 0.2;
const SETTLE_MS = 60_000;
const IDLE_MS = 5_000;

/** The generator's process and the people of one run of the benchmark. */
export class Load {
  readonly #world: World;
  readonly #people: People;
  readonly #demand: Demand;
  readonly #generator: ChildProcess;

  static async start(world: World): Promise<Load> {
    const people = await openPeople(world.stack.env);
    const generator = fork(join(ROOT, 'scripts', 'bench', 'orders', 'generator.ts'), { execPath: join(NODE_BIN, 'node'), cwd: ROOT });
    return new Load(world, people, generator);
  }

  private constructor(world: World, people: People, generator: ChildProcess) {
    this.#world = world;
    this.#people = people;
    this.#generator = generator;
    this.#demand = new Demand(world.runs);
  }

  async phase(name: string, rate_per_s: number, seconds: number): Promise<PhaseResult> {
    const { stack, product, outside } = this.#world;
    const count = Math.ceil(rate_per_s * seconds);
    await step(say, `${name}: preparing ${count} people`, `${name}：准备 ${count} 人`, () => this.#prepare(count));
    await untilIdle(product());
    const counted_from_ms = performance.now();
    const [costs, cpu, outside_cpu, generator_cpu] = [await costsOf(stack.env), cpuOf(product()), cpuOf(outside()), this.#generatorCpu()];
    const report = await step(say, `${name}: ${rate_per_s} arrivals a second for ${seconds} s`, `${name}：每秒到达 ${rate_per_s}，持续 ${seconds} 秒`, () => this.#run(rate_per_s));
    await untilIdle(product(), SETTLE_MS);
    const [issued, cpu_after, outside_after] = [report.issued_at_ms.length, cpuOf(product()), cpuOf(outside())];
    const counted_s = (performance.now() - counted_from_ms) / 1000;
    const costs_after = await costsOf(stack.env);
    const from_ms = report.began_ms + (report.arrivals_end_ms - report.began_ms) * WARM_SHARE;
    const in_time = report.issued_at_ms.filter((at_ms) => at_ms >= from_ms && at_ms < report.arrivals_end_ms).length;
    const result: PhaseResult = {
      rate_per_s, seconds, issued,
      issued_per_s: round(in_time / ((report.arrivals_end_ms - from_ms) / 1000), 1),
      outcomes: report.outcomes, order_ids: report.order_ids,
      took_p95_ms: round(quantile(report.took_ms, 0.95)),
      cpu_s: cpuBetween(cpu, cpu_after), outside_cpu_s: cpuBetween(outside_cpu, outside_after), generator_cpu_s: this.#generatorCpu() - generator_cpu,
      costs: costsBetween(costs, costs_after, Math.max(1, issued)),
      counted_s, began_ms: report.began_ms, arrivals_end_ms: report.arrivals_end_ms,
    };
    const outcomes = Object.entries(report.outcomes).map(([outcome, times]) => `${outcome} ${times}`).join(', ');
    say(`${name}: ${result.issued_per_s} tickets/s, ${outcomes}; at most ${round(report.late_ms_max)} ms late`, `${name}：每秒出票 ${result.issued_per_s}，${outcomes}；最多迟发 ${round(report.late_ms_max)} 毫秒`);
    return result;
  }

  /** CPU seconds a second of a stack that nobody asks anything, by process. */
  async idle(): Promise<CpuTimes> {
    await untilIdle(this.#world.product(), SETTLE_MS);
    const [before, from_ms] = [cpuOf(this.#world.product()), performance.now()];
    await sleep(IDLE_MS);
    const took_s = (performance.now() - from_ms) / 1000;
    return Object.fromEntries(Object.entries(cpuBetween(before, cpuOf(this.#world.product()))).map(([name, used_s]) => [name, used_s / took_s]));
  }

  async stop(): Promise<void> {
    this.#generator.kill();
    await this.#people.stop();
  }

  async #prepare(count: number): Promise<void> {
    const plans = (await this.#people.more(count)).map((buyer) => this.#demand.planOf(buyer));
    writeFileSync(this.#plansPath(), JSON.stringify(plans));
  }

  async #run(rate_per_s: number): Promise<PhaseReport> {
    const { env } = this.#world.stack;
    const phase: Phase = { plans_path: this.#plansPath(), rate_per_s, edge_port: Number(new URL(env.PUBLIC_URL!).port), gateway_port: Number(new URL(env.GATEWAY_URL!).port) };
    this.#generator.send(phase);
    const [report] = await Promise.race([once(this.#generator, 'message'), once(this.#generator, 'exit').then(() => Promise.reject(new Error('the generator ended')))]);
    return report as PhaseReport;
  }

  #plansPath(): string {
    return join(this.#world.stack.folder.path, 'plans.json');
  }

  #generatorCpu(): number {
    return cpuOf({ generator: this.#generator.pid! }).generator!;
  }
}
