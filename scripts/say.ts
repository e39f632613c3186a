/** What scripts tell the person who runs them: plain lines with the time since the start, in English or Chinese. */

const begun_ms = performance.now();
const chinese = /^zh/i.test(process.env.LC_ALL || process.env.LC_MESSAGES || process.env.LANG || '');

export type Say = (english: string, chinese_text?: string) => void;

/** Picks the text in the language of the environment (`LANG=zh…` is Chinese). */
export function words(english: string, chinese_text = english): string {
  return chinese ? chinese_text : english;
}

/** One progress line on stderr, so that stdout stays free for results. */
export const say: Say = (english, chinese_text) => {
  process.stderr.write(`${stamp()} ${words(english, chinese_text)}\n`);
};

/** Says nothing: for tests. */
export const quiet: Say = () => {};

/** Says what begins, and when it is done how long it took; every 15 s in between that it is still going on. */
export async function step<T>(tell: Say, english: string, chinese_text: string, work: () => Promise<T>): Promise<T> {
  const from_ms = performance.now();
  const took = () => `${((performance.now() - from_ms) / 1000).toFixed(1)} s`;
  tell(english, chinese_text);
  const reminder = setInterval(() => tell(`… ${english} (${took()})`, `……${chinese_text}（${took()}）`), 15_000);
  try {
    const result = await work();
    tell(`${english}: done (${took()})`, `${chinese_text}：完成（${took()}）`);
    return result;
  } finally {
    clearInterval(reminder);
  }
}

/** A failure whose text is meant for the person at the terminal: printed without a stack. */
export class Told extends Error {
  override name = 'Told';
  constructor(english: string, chinese_text?: string) {
    super(words(english, chinese_text));
  }
}

/** Prints an error as its reader needs it: a `Told` in words, anything else, being a bug, with its stack. */
export function printError(error: unknown): void {
  if (error instanceof Told) process.stderr.write(`\n${error.message}\n`);
  else process.stderr.write(`\n${error instanceof Error ? error.stack : String(error)}\n`);
}

function stamp(): string {
  return `[${((performance.now() - begun_ms) / 1000).toFixed(1).padStart(6)} s]`;
}
