/** `node scripts/mesh/feed.ts FOLDER`: puts a generated timetable there for the railway of a lab cluster, unless one is there. */
import { prepareFeed } from '../stack/feed.ts';
import { say, Told } from '../say.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Told('usage: node scripts/mesh/feed.ts FOLDER');
await prepareFeed({ folder, feed: undefined, tell: say });
