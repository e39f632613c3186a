import { words } from '../../say.ts';

/** Goals on two cores (docs/BENCHMARKS.md), in the order of the table. */
const GOALS: readonly { field: string; goal: string; met: (value: number) => boolean }[] = [
  { field: 'search_ratio', goal: '≥ 0.8', met: (value) => value >= 0.8 },
  { field: 'search_distinct_ratio', goal: '≥ 0.4', met: (value) => value >= 0.4 },
  { field: 'edge_p95_ms', goal: '< 20', met: (value) => value < 20 },
  { field: 'freshness_p95_ms', goal: '< 200', met: (value) => value < 200 },
  { field: 'memory_mib', goal: '< 1024', met: (value) => value < 1_024 },
  { field: 'ready_s', goal: '< 10', met: (value) => value < 10 },
  { field: 'wrong', goal: '0', met: (value) => value === 0 },
];

/** The figures for people: those with a goal first, then the rest. */
export function printQuery(result: Readonly<Record<string, unknown>>): void {
  const with_goal = GOALS.filter(({ field }) => field in result).map(({ field, goal, met }) => {
    const value = result[field];
    return [field, String(value), goal, typeof value === 'number' && met(value) ? words('met', '达到') : words('not met', '未达到')];
  });
  const others = Object.entries(result).filter(([field]) => !GOALS.some((goal) => goal.field === field)).map(([field, value]) => [field, String(value), '', '']);
  for (const row of [...with_goal, ...others]) console.log([row[0]!.padEnd(28), row[1]!.padEnd(12), row[2]!.padEnd(8), row[3]].join('  ').trimEnd());
}
