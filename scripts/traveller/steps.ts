/** Steps of a demo: each is named before it begins, and printed with its time and what it gave. */
import { words } from '../say.ts';

export class Steps {
  #total_ms = 0;
  #number = 0;

  async take<T>(english: string, chinese: string, work: () => Promise<T>, result: (value: T) => string): Promise<T> {
    const from_ms = performance.now();
    const label = `${String(++this.#number).padStart(2)}. ${words(english, chinese)}`;
    try {
      const value = await work();
      const took_ms = performance.now() - from_ms;
      this.#total_ms += took_ms;
      console.log(`${label.padEnd(48)} ${took_ms.toFixed(0).padStart(6)} ms  ${result(value)}`);
      return value;
    } catch (error) {
      console.log(`${label.padEnd(48)} ${words('failed', '失败')}`);
      throw error;
    }
  }

  totalMs(): number {
    return this.#total_ms;
  }
}
