/** What makes a new product useful: `node scripts/open_sales.ts` fetches the timetable and opens the sale window; again changes nothing. */
import { printError, say } from './say.ts';
import { importTimetable, openSales } from './stack/seed.ts';

if (import.meta.main) {
  const input = { env: process.env as Record<string, string>, tell: say, signal: AbortSignal.timeout(3_600_000) };
  try {
    await importTimetable(input);
    await openSales(input);
  } catch (error) {
    printError(error);
    process.exitCode = 1;
  }
}
