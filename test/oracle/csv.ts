// Reading of a GTFS zip for the oracle: every row of every file as it stands, with no rule applied.
import { parse } from 'csv-parse/sync';
import { fromBuffer } from 'yauzl';

export type Row = Readonly<Record<string, string>>;

/** The rows of each text file of a zip, by name of file. */
export async function readTables(zip: Uint8Array): Promise<Map<string, Row[]>> {
  const tables = new Map<string, Row[]>();
  for (const [name, text] of await readEntries(Buffer.from(zip))) tables.set(name, parse(text, { columns: true, bom: true, trim: true, skip_empty_lines: true }));
  return tables;
}

function readEntries(zip: Buffer): Promise<Map<string, string>> {
  return new Promise((resolve, reject) => {
    fromBuffer(zip, { lazyEntries: true }, (error, file) => {
      if (error !== null) return reject(error);
      const texts = new Map<string, string>();
      file.on('error', reject);
      file.on('end', () => resolve(texts));
      file.on('entry', (entry) => {
        file.openReadStream(entry, (open_error, stream) => {
          if (open_error !== null) return reject(open_error);
          const pieces: Buffer[] = [];
          stream.on('data', (piece: Buffer) => pieces.push(piece));
          stream.on('error', reject);
          stream.on('end', () => {
            texts.set(entry.fileName, Buffer.concat(pieces).toString('utf8'));
            file.readEntry();
          });
        });
      });
      file.readEntry();
    });
  });
}
