/** Cells quoted where they must be, one record a line, line feed at the end: a CSV file of GTFS. */
export function csvText(columns: readonly string[], rows: Iterable<readonly (string | number)[]>): string {
  const lines = [columns.join(',')];
  for (const row of rows) lines.push(row.map(cell).join(','));
  return `${lines.join('\n')}\n`;
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
