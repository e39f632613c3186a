// The tests on a real cluster (`npm run mesh:test`): one file at a time, since some of them take pods away from others.
export default {
  files: ['test/mesh/**/*.mesh.ts'],
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 1,
  timeout: '10m',
};
