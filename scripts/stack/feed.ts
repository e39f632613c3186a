/** The GTFS zip that the railway of a stack publishes: a file that was named, or the network that the product generates. */
import { copyFileSync, existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { step, type Say } from '../say.ts';
import { generateTimetable } from '../../timetable/generate/generate.ts';
import { writeGtfs } from '../../timetable/generate/write_gtfs.ts';

/** The same seed makes the same network on every machine. */
const SEED = 1;

export type FeedInput = { folder: string; feed: string | undefined; tell: Say };

/** Puts the feed in place and returns its path. Without a named file, one that is there from an earlier start stays. */
export async function prepareFeed({ folder, feed, tell }: FeedInput): Promise<string> {
  const path = join(folder, 'feed.zip');
  const draft = `${path}.${process.pid}`;
  if (feed !== undefined) {
    copyFileSync(feed, draft);
    renameSync(draft, path);
    return path;
  }
  if (existsSync(path)) return path;
  await step(tell, 'generating a national network', '正在生成全国路网', async () => {
    writeFileSync(draft, await writeGtfs(generateTimetable({ seed: SEED })));
    renameSync(draft, path);
  });
  return path;
}
