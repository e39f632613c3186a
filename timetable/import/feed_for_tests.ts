import { Buffer } from 'node:buffer';
import { ZipFile } from 'yazl';

/** A small valid feed: three stations, two trains. Line numbers in tests refer to these texts. */
export function smallFeed(): Map<string, string> {
  return new Map([
    ['agency.txt', 'agency_id,agency_name,agency_url,agency_timezone\nA,Rail,https://example.com,Asia/Shanghai\n'],
    ['stops.txt', 'stop_id,stop_name,stop_lat,stop_lon\nBJ,北京南,39.865,116.379\nJN,济南西,36.67,116.893\nSH,上海虹桥,31.196,121.316\n'],
    ['routes.txt', 'route_id,route_short_name,route_type\nR1,G1,101\nR2,K2,2\n'],
    ['trips.txt', 'route_id,service_id,trip_id\nR1,daily,T1\nR2,daily,T2\n'],
    [
      'stop_times.txt',
      'trip_id,arrival_time,departure_time,stop_id,stop_sequence\n' +
        'T1,07:00:00,07:00:00,BJ,1\nT1,08:30:00,08:32:00,JN,2\nT1,11:30:00,11:30:00,SH,5\n' +
        'T2,20:00:00,20:00:00,SH,1\nT2,28:10:00,28:20:00,JN,2\nT2,33:00:00,33:00:00,BJ,3\n',
    ],
    ['calendar.txt', 'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\ndaily,1,1,1,1,1,1,1,20260101,20261231\n'],
  ]);
}

/** A zip of text or bytes. */
export async function zipOf(files: Iterable<[string, string | Buffer]>, compress = true): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of files) zip.addBuffer(Buffer.from(content), name, { mtime: new Date(0), compress });
  zip.end();
  const pieces: Buffer[] = [];
  for await (const piece of zip.outputStream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** The small feed with some files replaced, or left out where the text is undefined. */
export async function feedWith(changes: Record<string, string | Buffer | undefined>): Promise<Buffer> {
  const files = new Map<string, string | Buffer>(smallFeed());
  for (const [name, content] of Object.entries(changes)) {
    if (content === undefined) files.delete(name);
    else files.set(name, content);
  }
  return zipOf(files);
}

/** One line of a file of the small feed replaced; lines count from 1. */
export async function feedWithLine(file: string, line: number, text: string): Promise<Buffer> {
  const lines = smallFeed().get(file)!.split('\n');
  lines[line - 1] = text;
  return feedWith({ [file]: lines.join('\n') });
}
