// A scripted app for the page's tests. It answers only scripted commands. A call of any other
// command fails the test with the command's name.

import type { Failure, Lines, Live, RunId, RunMoved } from "../generated/bindings";
import type { Commands, Platform, Stop } from "./platform";
import type { Result } from "./result";

/** One call that the page made. */
interface Call {
  name: keyof Commands;
  args: unknown[];
}

export interface FakePlatform extends Platform {
  /** Every call so far, in order. */
  readonly calls: readonly Call[];
  /** The arguments of every call of one command, in order. */
  argsOf(name: keyof Commands): unknown[][];
  emitMoved(moved: RunMoved): void;
  emitLive(live: Live): void;
  emitLines(run: RunId, lines: Lines): void;
}

/** The answer of a command that succeeded. */
export const ok = <T>(data: T): Promise<Result<T>> => Promise.resolve({ status: "ok", data });

/** A command that fails and changes nothing. */
export const refused = (code: Failure["code"], summary: string): Promise<Result<never>> =>
  Promise.resolve({
    status: "error",
    error: { code, params: {}, summary, causes: [], hints: [], changed: "nothing", retry: "safe" },
  });

/** An app with these commands. */
export function fake(scripted: Partial<Commands>): FakePlatform {
  const calls: Call[] = [];
  const moved = new Set<(moved: RunMoved) => void>();
  const live = new Set<(live: Live) => void>();
  const lines = new Map<RunId, (lines: Lines) => void>();

  const commands = new Proxy(scripted, {
    get(target, property) {
      const name = property as keyof Commands;
      return (...args: unknown[]) => {
        calls.push({ name, args });
        const answer = target[name] as ((...args: unknown[]) => Promise<unknown>) | undefined;
        return answer === undefined
          ? Promise.reject(new Error(`the page called ${name}, which this test did not script`))
          : answer(...args);
      };
    },
  }) as Commands;

  return {
    commands,
    calls,
    argsOf: (name) => calls.filter((call) => call.name === name).map((call) => call.args),
    onRunMoved: (seen) => Promise.resolve(join(moved, seen)),
    onLive: (seen) => Promise.resolve(join(live, seen)),
    followLines(run, arrived) {
      lines.set(run, arrived);
      return Promise.resolve();
    },
    emitMoved: (hint) => moved.forEach((seen) => seen(hint)),
    emitLive: (seen) => live.forEach((hear) => hear(seen)),
    emitLines: (run, arrived) => lines.get(run)?.(arrived),
  };
}

function join<T>(all: Set<T>, one: T): Stop {
  all.add(one);
  return () => void all.delete(one);
}
