import test from 'ava';
import { chooseLanguage } from './language.ts';
import { en } from './en.ts';
import { zh } from './zh.ts';

/** Words that are right in the other script: they speak to readers of the other language. */
const CROSSING = new Set(['nav.language', 'nav.language_label']);

test('[web] both languages have the same words, none of them empty', (t) => {
  t.deepEqual(leaves(en).map(([path]) => path), leaves(zh).map(([path]) => path));
  for (const [path, word] of [...leaves(zh), ...leaves(en)]) t.true(spoken(word).trim() !== '', path);
});

test('[web] English has no Chinese left in it, and Chinese is Chinese', (t) => {
  for (const [path, word] of leaves(en)) if (!CROSSING.has(path)) t.notRegex(spoken(word), /\p{Script=Han}/u, path);
  for (const [path, word] of leaves(zh)) if (!CROSSING.has(path) && /[a-z]{4}/i.test(spoken(word))) t.regex(spoken(word), /\p{Script=Han}/u, path);
});

test('[web] functions of a word take the same arguments in both languages', (t) => {
  const english = new Map(leaves(en));
  for (const [path, word] of leaves(zh)) t.is(typeof english.get(path), typeof word, path);
});

test('[web] the language is the browser’s first that we speak, or the one chosen before', (t) => {
  t.is(chooseLanguage(['fr-FR', 'en-GB', 'zh-CN'], null), 'en');
  t.is(chooseLanguage(['zh-TW'], null), 'zh');
  t.is(chooseLanguage(['fr'], null), 'zh');
  t.is(chooseLanguage(['zh-CN'], 'en'), 'en');
});

type Word = string | ((...args: never[]) => string);

function leaves(tree: object, path = ''): [string, Word][] {
  return Object.entries(tree)
    .flatMap(([key, value]): [string, Word][] => (typeof value === 'object' ? leaves(value as object, `${path}${key}.`) : [[path + key, value as Word]]))
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

function spoken(word: Word): string {
  return typeof word === 'string' ? word : (word as (...args: number[]) => string)(3, 4, 5, 6);
}
