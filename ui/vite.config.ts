import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  // Svelte's server build would be taken in tests otherwise.
  resolve: process.env.VITEST ? { conditions: ["browser"] } : {},
  build: {
    target: ["chrome111", "safari16.4"],
    // The page's policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.ts"],
    setupFiles: ["src/platform/test-setup.ts"],
    restoreMocks: true,
    // A new page for each file costs more than its tests. No module of the page keeps a state.
    isolate: false,
    maxWorkers: "100%",
    // A slow machine must not fail a test: every wait ends when its value is there.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
