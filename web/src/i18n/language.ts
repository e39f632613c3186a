/** Languages the client speaks. */
export type Language = 'zh' | 'en';

export const LANGUAGES: readonly Language[] = ['zh', 'en'];

/** The first of the browser's languages that we speak; Chinese when none is. */
export function chooseLanguage(preferred: readonly string[], stored: string | null): Language {
  const wishes = stored === null ? preferred : [stored];
  for (const wish of wishes) {
    const found = LANGUAGES.find((language) => wish.toLowerCase().startsWith(language));
    if (found !== undefined) return found;
  }
  return 'zh';
}
