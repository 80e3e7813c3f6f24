import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    experimental: { viteModuleRunner: false },
    include: ['test/**/*.test.ts'],
    // Benchmarks run with the tests, small, so that they cannot rot.
    benchmark: { enabled: true, include: ['bench/micro/*.bench.ts'] },
    globalSetup: ['test/setup/tools.ts'],
    expect: { poll: { timeout: 10_000 } },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
  },
})
