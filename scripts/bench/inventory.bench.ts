/** The seat inventory: every figure of it, on servers of its own. */
import type { Bench } from '../bench.ts';
import { printError } from '../say.ts';
import { benchOptions, helpText, type BenchOptions, type PartName } from './inventory/options.ts';
import type { Findings } from './inventory/oracle_rules.ts';
import { measureRebuild } from './inventory/rebuild.ts';
import { measureRedis } from './inventory/redis_layer.ts';
import { measureServed } from './inventory/served.ts';
import { measureService, SERVICE_PARTS } from './inventory/service_parts.ts';
import { printTable } from './inventory/table.ts';

export const bench: Bench = {
  about: 'the seat inventory: Redis layer, durable holds, latency, rebuild, oracle, share served (--help)',
  about_zh: '席位库存：Redis 层、持久预扣、延迟、重建、核对、满足率（--help）',
  async run(args) {
    const options = benchOptions(args);
    if (options === undefined) {
      console.log(helpText());
      return {};
    }
    const measured: Measured[] = [];
    for (const unit of UNITS) {
      if (unit.names.some((name) => options.parts.has(name))) measured.push(await orWhy(unit.names.join('+'), () => unit.measure(options)));
    }
    const findings = measured.flatMap((one) => one.findings ?? []);
    const failed = measured.flatMap((one) => one.failed ?? []);
    const result = { ...Object.assign({}, ...measured.map(({ fields }) => fields)), ...(findings.length === 0 ? {} : sumOf(findings)), ...(failed.length === 0 ? {} : { failed }) };
    printTable(result);
    return result;
  },
};

type Measured = { fields: Record<string, unknown>; findings?: Findings; failed?: string };

/** What is measured on servers of its own, one after the other. */
const UNITS: readonly { names: readonly PartName[]; measure(options: BenchOptions): Promise<Measured> }[] = [
  { names: ['redis'], measure: async (options) => ({ fields: await measureRedis(options) }) },
  { names: SERVICE_PARTS, measure: measureService },
  { names: ['rebuild'], measure: measureRebuild },
  { names: ['served'], measure: async (options) => ({ fields: await measureServed(options) }) },
];

/** A part that fails is told of and named in the result; what the others measured is not lost with it. */
async function orWhy(name: string, measure: () => Promise<Measured>): Promise<Measured> {
  try {
    return await measure();
  } catch (error) {
    printError(error);
    return { fields: {}, failed: `${name}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Of every world that was loaded. */
function sumOf(findings: readonly Findings[]): Record<'oversold' | 'lost' | 'leaked', number> {
  const sum = (kind: 'oversold' | 'lost' | 'leaked') => findings.reduce((total, one) => total + one[kind], 0);
  return { oversold: sum('oversold'), lost: sum('lost'), leaked: sum('leaked') };
}
