// A column of a MikroORM entity that is sealed in the database and clear in memory.
import { Type } from '@mikro-orm/core';
import type { Keyring } from '#kit/crypto/column.ts';

/**
 * The type for `p.type(sealedText(keyring, 'passenger.name'))`. The ORM doesn't tell a type which row it works for, so
 * `aad` binds table and column only; where the row's id should be bound too, call `Keyring.seal` in the store code.
 * Such a column can't be searched or sorted: put a blind index beside it. Every write makes another blob, so the ORM
 * compares the clear texts.
 */
export function sealedText(keyring: Keyring, aad: string, bytes = 512): Type<string, Buffer> {
  // The ORM copies the type object, and private fields of a class don't survive that; what a function closes over does.
  class SealedText extends Type<string, Buffer> {
    override convertToDatabaseValue(value: string): Buffer {
      return value === null || value === undefined ? value : keyring.seal(value, aad);
    }

    override convertToJSValue(value: Buffer | string): string {
      if (value === null || value === undefined) return value;
      return typeof value === 'string' ? value : keyring.openText(value, aad);
    }

    override getColumnType(): string {
      return `varbinary(${bytes})`;
    }

    override compareAsType(): string {
      return 'buffer';
    }

    override compareValues(before: unknown, after: unknown): boolean {
      if (!(before instanceof Uint8Array) || !(after instanceof Uint8Array)) return before === after;
      return keyring.openText(before, aad) === keyring.openText(after, aad);
    }
  }
  return new SealedText();
}
