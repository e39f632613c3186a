import type { FeedInfo } from '../model.ts';
import type { Archive } from './archive.ts';
import type { Problems } from './problems.ts';
import { readTable } from './table.ts';
import { Cells } from './values.ts';

const AGENCY = 'agency.txt';
const FEED_INFO = 'feed_info.txt';

/** Zones with Shanghai's clock and without daylight saving: times can be taken over as they stand. */
const SHANGHAI_CLOCKS = new Set([
  'Asia/Shanghai', 'Asia/Chongqing', 'Asia/Harbin', 'Asia/Hong_Kong', 'Asia/Macau', 'Asia/Taipei', 'PRC', 'Etc/GMT-8',
]);

/** Checks agency.txt: at least one operator, all on Shanghai time, because every time we sell by is Shanghai time. */
export async function checkAgencies(archive: Archive, problems: Problems, signal?: AbortSignal): Promise<void> {
  const cells = new Cells(AGENCY, problems);
  const required_columns = ['agency_name', 'agency_url', 'agency_timezone'];
  const rows = await readTable(archive, AGENCY, problems, { required_columns, signal }, (row) => {
    cells.text(row, 'agency_name');
    const timezone = cells.text(row, 'agency_timezone');
    if (timezone !== undefined && !SHANGHAI_CLOCKS.has(timezone)) {
      problems.error(AGENCY, row.line, 'unsupported_timezone', `times must be on Asia/Shanghai, not ${timezone}`, 'agency_timezone');
    }
  });
  if (rows === 0 && !problems.failed) problems.error(AGENCY, 0, 'empty_file', 'no agency');
}

/** feed_info.txt if there is one; the dates are left empty where it has none, for the calendars to fill. */
export async function readFeedInfo(archive: Archive, problems: Problems, signal?: AbortSignal): Promise<FeedInfo> {
  let info: FeedInfo = { publisher_name: '', publisher_url: '', lang: '', feed_version: '', start_date: '', end_date: '' };
  if (!archive.has(FEED_INFO)) return info;
  const cells = new Cells(FEED_INFO, problems);
  const required_columns = ['feed_publisher_name', 'feed_publisher_url', 'feed_lang'];
  await readTable(archive, FEED_INFO, problems, { required_columns, signal }, (row) => {
    const optionalDate = (column: string): string => (row.value(column) === '' ? '' : (cells.date(row, column) ?? ''));
    info = {
      publisher_name: row.value('feed_publisher_name'),
      publisher_url: row.value('feed_publisher_url'),
      lang: row.value('feed_lang'),
      feed_version: row.value('feed_version'),
      start_date: optionalDate('feed_start_date'),
      end_date: optionalDate('feed_end_date'),
    };
    if (info.start_date !== '' && info.end_date !== '' && info.end_date < info.start_date) {
      problems.error(FEED_INFO, row.line, 'bad_date', 'feed_end_date is before feed_start_date', 'feed_end_date');
    }
  });
  return info;
}
