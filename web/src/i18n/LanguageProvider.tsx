import { createContext, use, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { en } from './en.ts';
import { chooseLanguage } from './language.ts';
import type { Language } from './language.ts';
import { zh } from './zh.ts';
import type { Dictionary } from './zh.ts';

type Speech = { language: Language; text: Dictionary; switchLanguage: () => void };

/** Gives all below it the chosen language, and the document its `lang`, which also picks the right glyphs. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(() => chooseLanguage(navigator.languages, localStorage.getItem(KEY)));
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  }, [language]);
  const speech = useMemo<Speech>(() => {
    const switchLanguage = (): void => {
      const other = language === 'zh' ? 'en' : 'zh';
      localStorage.setItem(KEY, other);
      setLanguage(other);
    };
    return { language, text: language === 'zh' ? zh : en, switchLanguage };
  }, [language]);
  return <SpeechContext value={speech}>{children}</SpeechContext>;
}

export function useSpeech(): Speech {
  return use(SpeechContext);
}

export function useText(): Dictionary {
  return useSpeech().text;
}

const SpeechContext = createContext<Speech>({ language: 'zh', text: zh, switchLanguage: () => {} });
const KEY = 'chunyun.language';
