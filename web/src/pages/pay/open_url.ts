/**
 * The address where a payment is paid. A gateway that is slow has not given it yet when the payment is made; it comes by itself,
 * so it is asked for a few times. Empty when there is none even then.
 */
export async function payUrlOnceOpen(pay_url: string, ask: () => Promise<string>, pause: () => Promise<void> = aSecond): Promise<string> {
  let url = pay_url;
  for (let tries = 0; url === '' && tries < TRIES_MAX; tries += 1) {
    await pause();
    url = await ask();
  }
  return url;
}

const TRIES_MAX = 8;

function aSecond(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_000));
}
