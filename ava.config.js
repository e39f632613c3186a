// Tests are TypeScript that Node runs as it is. Each file has a process of its own (servers end with it), two at a time.
// The timeout only ends a run that hangs: no test measures speed by it.
export default {
  files: ['**/*.test.ts', '!gen/**', '!web/dist/**', '!.tools/**', '!.run/**'],
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 2,
  timeout: '10m',
};
