import { words } from '../../say.ts';

/** Goals on two cores (docs/BENCHMARKS.md), in the order of the table. */
const GOALS: readonly { field: string; goal: string; met: (value: number) => boolean }[] = [
  { field: 'hold_spread_ratio', goal: '≥ 1.2', met: (value) => value >= 1.2 },
  { field: 'hold_hot_ratio', goal: '≥ 2', met: (value) => value >= 2 },
  { field: 'hot_p99_ms', goal: '< 10', met: (value) => value < 10 },
  { field: 'durable_ratio', goal: '≥ 4, then 6', met: (value) => value >= 4 },
  { field: 'durable_rows_ratio', goal: '≥ 0.25', met: (value) => value >= 0.25 },
  { field: 'durable_unary_ratio', goal: '≥ 0.6', met: (value) => value >= 0.6 },
  { field: 'added_delay_p95_ms', goal: '≤ 5', met: (value) => value <= 5 },
  { field: 'rebuild_s', goal: '≤ 60', met: (value) => value <= 60 },
  { field: 'oversold', goal: '0', met: (value) => value === 0 },
  { field: 'lost', goal: '0', met: (value) => value === 0 },
  { field: 'leaked', goal: '0', met: (value) => value === 0 },
];

/** The figures for people: those with a goal first, then the rest. */
export function printTable(result: Readonly<Record<string, unknown>>): void {
  const with_goal = GOALS.filter(({ field }) => field in result).map(({ field, goal, met }) => {
    const value = result[field];
    return [field, shown(value), goal, typeof value === 'number' && met(value) ? words('met', '达到') : words('not met', '未达到')];
  });
  const others = Object.entries(result).filter(([field]) => !GOALS.some((goal) => goal.field === field)).map(([field, value]) => [field, shown(value), '', '']);
  const head = words('figure|seen|goal|', '指标|实测|目标|').split('|');
  const rows = [head, ...with_goal, ...others];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null ? Object.entries(value).map(([name, one]) => `${name} ${String(one)}`).join(', ') : String(value);
}
