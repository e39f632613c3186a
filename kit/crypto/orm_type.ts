// A column of a MikroORM entity that is sealed in the database and clear in memory.
import { Type } from '@mikro-orm/core';
import type { Keyring } from './column.ts';

/**
 * The type for `p.type(sealedText(keyring, 'passenger.name'))`. The ORM doesn't tell a type which row it works for, so
 * `aad` binds table and column only; where the row's id should be bound too, call `Keyring.seal` in the store code.
 * Such a column can't be searched or sorted: put a blind index beside it. Every write makes another blob, so the ORM
 * compares the clear texts.
 */
export function sealedText(keyring: Keyring, aad: string, bytes = 512): Type<string, Buffer> {
  return new SealedText(keyring, aad, bytes);
}

class SealedText extends Type<string, Buffer> {
  readonly #keyring: Keyring;
  readonly #aad: string;
  readonly #bytes: number;

  constructor(keyring: Keyring, aad: string, bytes: number) {
    super();
    this.#keyring = keyring;
    this.#aad = aad;
    this.#bytes = bytes;
  }

  override convertToDatabaseValue(value: string): Buffer {
    return value === null || value === undefined ? value : this.#keyring.seal(value, this.#aad);
  }

  override convertToJSValue(value: Buffer | string): string {
    if (value === null || value === undefined) return value;
    return typeof value === 'string' ? value : this.#keyring.openText(value, this.#aad);
  }

  override getColumnType(): string {
    return `varbinary(${this.#bytes})`;
  }

  override compareAsType(): string {
    return 'string';
  }
}
