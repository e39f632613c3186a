import { isDate } from '../calendar.ts';
import { MAX_DATE, MAX_ID_LENGTH, MAX_TIME_S, MIN_DATE } from './limits.ts';
import type { Problems } from './problems.ts';
import type { Row } from './table.ts';

/** Reads typed cells of one file; every failure is reported with file, line and column and gives undefined. */
export class Cells {
  readonly file: string;
  readonly #problems: Problems;

  constructor(file: string, problems: Problems) {
    this.file = file;
    this.#problems = problems;
  }

  /** A present identifier or name of bounded length. */
  text(row: Row, column: string): string | undefined {
    const value = row.value(column);
    if (value === '') return this.#fail(row, column, 'missing_value', `${column} is empty`);
    if (value.length > MAX_ID_LENGTH) return this.#fail(row, column, 'bad_value', `${column} is longer than ${MAX_ID_LENGTH}`);
    return value;
  }

  /** A whole number within bounds. */
  integer(row: Row, column: string, low: number, high: number): number | undefined {
    const value = row.value(column);
    const number = /^[+-]?\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= low && number <= high) return number;
    return this.#fail(row, column, value === '' ? 'missing_value' : 'bad_value', `${column} must be a whole number in ${low}..${high}, got "${value}"`);
  }

  /** A decimal number within bounds, no exponent. */
  decimal(row: Row, column: string, low: number, high: number, code: 'bad_coordinate' | 'bad_value'): number | undefined {
    const value = row.value(column);
    const number = /^[+-]?\d{1,12}(\.\d{1,30})?$/.test(value) ? Number(value) : Number.NaN;
    if (number >= low && number <= high) return number;
    return this.#fail(row, column, value === '' ? 'missing_value' : code, `${column} must be a number in ${low}..${high}, got "${value}"`);
  }

  /** `H:MM:SS`, hours may pass 24; seconds since the service date began. */
  time(row: Row, column: string): number | undefined {
    const value = row.value(column);
    const match = /^(\d{1,3}):([0-5]\d):([0-5]\d)$/.exec(value);
    const time_s = match === null ? Number.NaN : Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
    if (time_s <= MAX_TIME_S) return time_s;
    return this.#fail(row, column, 'bad_time', `${column} must be HH:MM:SS up to ${MAX_TIME_S / 3600}:00:00, got "${value}"`);
  }

  /** `YYYYMMDD`, an existing day in a sane century; given as `YYYY-MM-DD`. */
  date(row: Row, column: string): string | undefined {
    const value = row.value(column);
    const date = `${value.slice(0, 4)}-${value.slice(4, 6)}-${value.slice(6)}`;
    if (/^\d{8}$/.test(value) && isDate(date) && date >= MIN_DATE && date <= MAX_DATE) return date;
    return this.#fail(row, column, value === '' ? 'missing_value' : 'bad_date', `${column} must be a date YYYYMMDD in ${MIN_DATE}..${MAX_DATE}, got "${value}"`);
  }

  /** `0` or `1`. */
  flag(row: Row, column: string): boolean | undefined {
    const value = row.value(column);
    if (value === '0' || value === '1') return value === '1';
    return this.#fail(row, column, value === '' ? 'missing_value' : 'bad_value', `${column} must be 0 or 1, got "${value}"`);
  }

  #fail(row: Row, column: string, code: Parameters<Problems['error']>[2], message: string): undefined {
    this.#problems.error(this.file, row.line, code, message, column);
    return undefined;
  }
}
