/**
 * Loaded into ava's main process. Its TAP reporter (8.0.1) gives plain errors to a function that expects the error
 * inside a field `originalError`, and dies of it just when it should name the tests that hung or called process.exit.
 */
Object.defineProperty(Error.prototype, 'originalError', {
  configurable: true,
  get(this: Error) {
    return this;
  },
});
