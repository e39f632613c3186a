import { words } from '../../say.ts';

/** Goals on two cores (docs/BENCHMARKS.md), in the order of the table. */
const GOALS: readonly { field: string; goal: string; met: (value: number) => boolean }[] = [
  { field: 'cpu_ms_per_ticket', goal: '≤ 1.9', met: (value) => value <= 1.9 },
  { field: 'issued_per_s', goal: '≥ 500, 1032', met: (value) => value >= 500 },
  { field: 'issued_ratio', goal: '', met: () => true },
  { field: 'after_dequeue_p95_ms', goal: '< 3000', met: (value) => value < 3000 },
  { field: 'queue_wait_p95_s', goal: '< 60', met: (value) => value < 60 },
  { field: 'goodput_at_5x', goal: '≥ 0.9', met: (value) => value >= 0.9 },
  { field: 'oversold', goal: '0', met: (value) => value === 0 },
  { field: 'unaccounted', goal: '0', met: (value) => value === 0 },
  { field: 'double_effects', goal: '0', met: (value) => value === 0 },
];

/** The figures for people: those with a goal first, then what they are made of. */
export function printOrders(result: Readonly<Record<string, unknown>>): void {
  for (const { field, goal, met } of GOALS) {
    const value = result[field];
    if (typeof value === 'number') console.log(`${field.padEnd(24)} ${String(value).padEnd(10)} ${goal.padEnd(12)} ${goal === '' ? '' : met(value) ? words('met', '达到') : words('not met', '未达到')}`.trimEnd());
  }
  for (const [field, value] of Object.entries(result)) {
    if (GOALS.some((goal) => goal.field === field)) continue;
    if (typeof value === 'object' && value !== null) {
      console.log(`${field}:`);
      for (const [name, one] of Object.entries(value)) console.log(`  ${name.padEnd(28)} ${typeof one === 'object' ? JSON.stringify(one) : String(one)}`);
    } else console.log(`${field.padEnd(24)} ${String(value)}`);
  }
}
