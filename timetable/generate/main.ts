import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { isDate } from '../calendar.ts';
import { DEFAULT_END_DATE, DEFAULT_START_DATE, generateTimetable } from './generate.ts';
import { writeGtfs } from './write_gtfs.ts';

const HELP = `Writes a GTFS feed of a national railway network of our own.

  node timetable/generate/main.ts --seed 1 --out FILE.zip [options]

  --seed N          which network; the same seed gives the same bytes (default 1)
  --out FILE        where to write the zip
  --start DATE      first day, YYYY-MM-DD (default ${DEFAULT_START_DATE})
  --end DATE        last day, YYYY-MM-DD (default ${DEFAULT_END_DATE})
  --scale X         traffic, 0.01 to 10; 1 is about two thousand trains (default 1)
  --help            this text
`;

const MAX_SEED = 2 ** 32;

/** The command line as an exit code; everything it prints goes through `print`. */
export async function main(args: string[], print: (text: string) => void): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'string') {
    print(options);
    return options === HELP ? 0 : 2;
  }
  const timetable = generateTimetable(options);
  const zip = await writeGtfs(timetable);
  await writeFile(options.out, zip);
  print(`${options.out}: ${timetable.stations.length} stations, ${timetable.trains.length} trains, ${zip.length} bytes, ${timetable.version}\n`);
  return 0;
}

function readOptions(args: string[]): { seed: number; out: string; start_date: string; end_date: string; scale: number } | string {
  let values;
  try {
    const string = { type: 'string' } as const;
    ({ values } = parseArgs({ args, options: { seed: string, out: string, start: string, end: string, scale: string, help: { type: 'boolean' } } }));
  } catch (error) {
    return `${(error as Error).message}\n\n${HELP.trimEnd()}\n`;
  }
  if (values.help === true) return HELP;
  const seed = Number(values.seed ?? '1');
  const scale = Number(values.scale ?? '1');
  const start_date = values.start ?? DEFAULT_START_DATE;
  const end_date = values.end ?? DEFAULT_END_DATE;
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) return '--seed must be a whole number\n';
  if (!(scale >= 0.01 && scale <= 10)) return '--scale must be between 0.01 and 10\n';
  if (!isDate(start_date) || !isDate(end_date) || end_date < start_date) return '--start and --end must be dates in order\n';
  if (values.out === undefined) return `--out is required\n\n${HELP}`;
  return { seed, out: values.out, start_date, end_date, scale };
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2), (text) => process.stdout.write(text));
}
