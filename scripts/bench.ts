/** `npm run bench -- NAME`: measures, prints a table for people and, as its last line, one JSON object. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { printError, Told, words } from './say.ts';
import { ROOT } from './tools/paths.ts';

const FOLDER = join(ROOT, 'scripts', 'bench');

/** A benchmark is `scripts/bench/<name>.ts` and exports this. */
export type Bench = { about: string; about_zh: string; run(args: readonly string[]): Promise<Record<string, unknown>> };

async function main([name, ...args]: readonly string[]): Promise<number> {
  const names = readdirSync(FOLDER).filter((file) => file.endsWith('.bench.ts')).map((file) => file.slice(0, -'.bench.ts'.length));
  if (name === undefined || name === '--help' || name === '-h') {
    console.log(words('usage: npm run bench -- NAME [options]', '用法：npm run bench -- 名称 [选项]'));
    for (const one of names) {
      const { bench } = (await import(join(FOLDER, `${one}.bench.ts`))) as { bench: Bench };
      console.log(`  ${one.padEnd(12)} ${words(bench.about, bench.about_zh)}`);
    }
    return name === undefined ? 2 : 0;
  }
  if (!names.includes(name) || !existsSync(join(FOLDER, `${name}.bench.ts`))) throw new Told(`There is no benchmark "${name}". There are: ${names.join(', ')}.`, `没有名为 "${name}" 的基准测试。可用：${names.join('、')}。`);
  const { bench } = (await import(join(FOLDER, `${name}.bench.ts`))) as { bench: Bench };
  const result = await bench.run(args);
  console.log(JSON.stringify({ bench: name, ...result }));
  return 0;
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  printError(error);
  process.exit(1);
}
