import { fail, ok } from './result.ts';
import type { Result } from './result.ts';
import { isServiceDate } from './time.ts';

export type IdNumber = {
  /** 18 characters, the check digit X in upper case. */
  id_number: string;
  birth_date: string;
  sex: 'male' | 'female';
  /** Administrative division of first registration (GB/T 2260), 6 digits. */
  region_code: string;
};

/**
 * Reads a citizen's ID number (GB 11643-1999): 6 digits of region, 8 of birth date, 3 of sequence (odd for men), one
 * check digit (ISO 7064 MOD 11-2). Answers ID_NUMBER_INVALID with `metadata.problem` = length | region | birth_date |
 * check_digit. `today` bounds the birth date. The answer carries nothing of the number.
 */
export function parseIdNumber(text: string, today: string): Result<IdNumber> {
  const id_number = normalizeIdNumber(text);
  if (!/^\d{17}[\dX]$/.test(id_number)) return invalid('length');
  if (!PROVINCES.has(id_number.slice(0, 2))) return invalid('region');
  const birth_date = `${id_number.slice(6, 10)}-${id_number.slice(10, 12)}-${id_number.slice(12, 14)}`;
  if (!isServiceDate(birth_date) || birth_date > today) return invalid('birth_date');
  if (checkDigit(id_number.slice(0, 17)) !== id_number[17]) return invalid('check_digit');
  const sex = Number(id_number[16]) % 2 === 1 ? 'male' : 'female';
  return ok({ id_number, birth_date, sex, region_code: id_number.slice(0, 6) });
}

/** Spaces and full-width characters of a keyboard removed, x in upper case: the form that is stored and compared. */
export function normalizeIdNumber(text: string): string {
  return text.normalize('NFKC').replaceAll(/\s/g, '').toUpperCase();
}

/** The check digit of the first 17 digits (ISO 7064 MOD 11-2, as GB 11643-1999 tabulates it). */
export function checkDigit(first_17: string): string {
  if (!/^\d{17}$/.test(first_17)) throw new RangeError('a check digit is computed from 17 digits');
  let sum = 0;
  for (let index = 0; index < 17; index += 1) sum += Number(first_17[index]) * WEIGHTS[index]!;
  return CHECK_DIGITS[sum % 11]!;
}

/** Full years of age on a day; somebody born on 29 February has a birthday on 1 March in other years. */
export function ageOn(birth_date: string, day: string): number {
  const years = Number(day.slice(0, 4)) - Number(birth_date.slice(0, 4));
  return day.slice(5) < birth_date.slice(5) ? years - 1 : years;
}

function invalid(problem: string): Result<never> {
  return fail('ID_NUMBER_INVALID', { detail: `the ${problem} of the ID number is wrong`, metadata: { problem } });
}

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK_DIGITS = '10X98765432';

/** The first two digits of GB/T 2260, with 81–83 of residence permits (Hong Kong, Macao, Taiwan) and 9x of foreign residents. */
const PROVINCES = new Set(
  '11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 91 92 93 94 95 96 97 98 99'.split(' '),
);
