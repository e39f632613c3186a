/** The seat inventory: every figure of it, on servers of its own. */
import type { Bench } from '../bench.ts';
import { benchOptions, helpText } from './inventory/options.ts';
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
    const { parts } = options;
    const result: Record<string, unknown> = {};
    const findings: Findings[] = [];
    if (parts.has('redis')) Object.assign(result, await measureRedis(options));
    if (SERVICE_PARTS.some((part) => parts.has(part))) {
      const measured = await measureService(options);
      Object.assign(result, measured.fields);
      findings.push(measured.findings);
    }
    if (parts.has('rebuild')) {
      const measured = await measureRebuild(options);
      Object.assign(result, measured.fields);
      findings.push(measured.findings);
    }
    if (parts.has('served')) Object.assign(result, await measureServed(options));
    if (findings.length > 0) Object.assign(result, sumOf(findings));
    printTable(result);
    return result;
  },
};

/** Of every world that was loaded. */
function sumOf(findings: readonly Findings[]): Record<'oversold' | 'lost' | 'leaked', number> {
  const sum = (kind: 'oversold' | 'lost' | 'leaked') => findings.reduce((total, one) => total + one[kind], 0);
  return { oversold: sum('oversold'), lost: sum('lost'), leaked: sum('leaked') };
}
