import { useEffect, useState } from 'react';

/** Words for readers of the screen that change often: the first at once, later ones when they have stood a while. */
export function useWords(words: string): string {
  const [told, setTold] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setTold(words), told === '' ? 0 : TELL_MS);
    return () => clearTimeout(timer);
  }, [words, told]);
  return told;
}

const TELL_MS = 5_000;
