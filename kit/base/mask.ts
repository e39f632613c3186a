import { checkDigit } from './id_number.ts';

/** The first character stays (in Chinese the family name), of each word in other scripts: `张**`, `J*** S****`. */
export function maskName(name: string): string {
  return name.trim().split(/\s+/).map((word) => keepEnds(word, 1, 0)).join(' ');
}

/** `11**************23`: the province and the last two characters stay. */
export function maskIdNumber(id_number: string): string {
  return id_number.length < 8 ? stars(id_number) : keepEnds(id_number, 2, 2);
}

/** `138****5678`; a country code stays. */
export function maskPhone(phone: string): string {
  const match = /^(\+\d{1,3}[ -]?)?(\S*)$/.exec(phone);
  const [prefix, digits] = [match?.[1] ?? '', match?.[2] ?? phone];
  return prefix + (digits.length < 8 ? stars(digits) : keepEnds(digits, 3, 4));
}

/** `a***@example.com`. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@');
  return at < 1 ? stars(email) : `${email.slice(0, 1)}***${email.slice(at)}`;
}

/** Only that there is something, and the last four: for tokens, account and card numbers. */
export function maskTail(text: string): string {
  return text.length < 12 ? '****' : `****${text.slice(-4)}`;
}

/**
 * Masks what looks like an ID number, a mobile number, an e-mail address or a token in free text, as the last line of
 * defence for log messages of others. It errs on the side of masking.
 */
export function scrubText(text: string): string {
  return text
    .replaceAll(JWT, '[token]')
    .replaceAll(EMAIL, maskEmail)
    .replaceAll(ID_NUMBER, (found) => (checkDigit(found.slice(0, 17)) === found.slice(17).toUpperCase() ? maskIdNumber(found) : found))
    .replaceAll(MOBILE, maskPhone);
}

function keepEnds(text: string, head: number, tail: number): string {
  const chars = [...text];
  if (chars.length <= head + tail) return '*'.repeat(Math.max(1, chars.length));
  return chars.slice(0, head).join('') + '*'.repeat(chars.length - head - tail) + chars.slice(chars.length - tail).join('');
}

function stars(text: string): string {
  return '*'.repeat([...text].length);
}

const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const EMAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/g;
const ID_NUMBER = /(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)/g;
const MOBILE = /(?<!\d)1[3-9]\d{9}(?!\d)/g;
