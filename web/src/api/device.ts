/** A random name of this browser, made once: it says nothing about the person. */
export function deviceId(storage: Storage): string {
  const known = storage.getItem(KEY);
  if (known !== null) return known;
  const made = crypto.randomUUID?.() ?? fallbackId();
  storage.setItem(KEY, made);
  return made;
}

/** `randomUUID` exists in secure contexts only; a stack opened by its address in a local network is none. */
function fallbackId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const KEY = 'chunyun.device_id';
