import type { Random } from '#kit/base/random.ts';

/** A small sum: readable for people and screen readers, enough to slow a script down. A later provider may replace it. */
export type Captcha = { question: string; answer: string; svg: string };

const WIDTH = 160;
const HEIGHT = 56;
const STROKES = 5;

export function makeCaptcha(random: Random): Captcha {
  const [first, second, ...noise] = [...random.bytes(2 + STROKES * 4)] as [number, number, ...number[]];
  const a = 2 + (first % 18);
  const b = 1 + (second % 9);
  const question = `${a} + ${b} = ?`;
  return { question, answer: String(a + b), svg: draw(question, noise) };
}

/** Spaces and full-width digits are how people type, not what they mean. */
export function normaliseAnswer(text: string): string {
  return text.normalize('NFKC').replaceAll(/\s/g, '').slice(0, 16);
}

function draw(question: string, noise: readonly number[]): string {
  const lines = Array.from({ length: STROKES }, (_, index) => {
    const [x1, y1, x2, y2] = noise.slice(index * 4, index * 4 + 4) as [number, number, number, number];
    return `<line x1="${x1 % WIDTH}" y1="${y1 % HEIGHT}" x2="${x2 % WIDTH}" y2="${y2 % HEIGHT}" stroke="currentColor" stroke-opacity=".35"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${question}">${lines.join('')}<text x="50%" y="62%" text-anchor="middle" font-size="26" font-family="serif" fill="currentColor">${question}</text></svg>`;
}
