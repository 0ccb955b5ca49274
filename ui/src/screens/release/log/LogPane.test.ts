import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LogLine } from "../../../generated/bindings";
import { accessibilityFindings } from "../../../platform/axe";
import { fake, ok } from "../../../platform/fake";
import { moment } from "../../../platform/samples";
import { OpenRun } from "../../../run/run.svelte";
import LogPane from "./LogPane.svelte";

const VIEW_HEIGHT = 400;
const ROW_HEIGHT = 20;
const released = moment("released").view;

const line = (number: number): LogLine => ({ number, at: null, label: "unknown", text: `line ${number}` });
const lines = (from: number, count: number) => Array.from({ length: count }, (_, place) => line(from + place));

/**
 * jsdom has no layout. This one gives the log a height and keeps its scroll position as a browser
 * does.
 */
function layOut() {
  const positions = new WeakMap<Element, number>();
  const isLog = (element: Element) => element.getAttribute("role") === "log";
  const heightOf = (element: Element) => {
    const content = element.firstElementChild as HTMLElement | null;
    return isLog(element) ? Math.max(VIEW_HEIGHT, Number.parseFloat(content?.style.height ?? "") || 0) : 0;
  };
  const highest = (element: Element) => heightOf(element) - VIEW_HEIGHT;
  vi.spyOn(Element.prototype, "clientHeight", "get").mockImplementation(function (this: Element) {
    return isLog(this) ? VIEW_HEIGHT : 0;
  });
  vi.spyOn(Element.prototype, "scrollHeight", "get").mockImplementation(function (this: Element) {
    return heightOf(this);
  });
  vi.spyOn(Element.prototype, "scrollTop", "get").mockImplementation(function (this: Element) {
    return Math.min(positions.get(this) ?? 0, highest(this));
  });
  vi.spyOn(Element.prototype, "scrollTop", "set").mockImplementation(function (this: Element, wanted: number) {
    const before = this.scrollTop;
    positions.set(this, Math.max(0, Math.min(wanted, highest(this))));
    if (this.scrollTop !== before) setTimeout(() => this.dispatchEvent(new Event("scroll")));
  });
}

/** The log of a run whose app stores this many lines of production. */
async function open(kept: number, view = released) {
  const all = lines(0, kept);
  const platform = fake({
    outputCount: (_run, source) => ok(source === "production" ? all.length : 0),
    outputLines: (_run, _source, from, count) => ok(all.slice(from, from + count)),
  });
  const run = new OpenRun(platform, view.id, () => 0);
  await run.lines.production.read();
  render(LogPane, { run, view, step: "AwaitRollout" });
  const arrive = (count: number) => {
    const fresh = lines(all.length, count);
    all.push(...fresh);
    run.lines.production.take(fresh);
  };
  return { platform, run, arrive, log: screen.getByTestId("log-lines"), user: userEvent.setup() };
}

/** The lines in the page, in their order. */
const shown = () => [...document.querySelectorAll("[role=log] .line")].map((row) => row.textContent.trim());
/** The lines in the visible part of the log. */
function inView(log: HTMLElement): string[] {
  const content = log.firstElementChild as HTMLElement;
  const hidden = (log.scrollTop - Number.parseFloat(content.style.paddingTop)) / ROW_HEIGHT;
  return shown().slice(Math.ceil(hidden), Math.floor(hidden + VIEW_HEIGHT / ROW_HEIGHT));
}

beforeEach(layOut);
afterEach(() => vi.restoreAllMocks());

describe("a log of 100,000 lines", () => {
  it("renders only the rows around the view", async () => {
    const { log, platform } = await open(100_000);
    await waitFor(() => expect(inView(log).at(-1)).toBe("line 99999"));
    expect(inView(log)).toHaveLength(VIEW_HEIGHT / ROW_HEIGHT);
    expect(shown().length).toBeLessThan(100);
    expect(log.scrollHeight).toBe(100_000 * ROW_HEIGHT);
    expect(screen.getByTestId("log-count")).toHaveAttribute("data-count", "100000");
    expect(screen.getByTestId("log-count")).toHaveTextContent(/^Following · 100,000 lines$/);
    expect(platform.argsOf("outputLines").length).toBeLessThan(5);
  });

  it("shows the lines at each scroll position", async () => {
    const { log } = await open(100_000);
    await waitFor(() => expect(inView(log).at(-1)).toBe("line 99999"));
    for (const first of [50_000, 0, 12_345, 99_980]) {
      log.scrollTop = first * ROW_HEIGHT;
      const expected = lines(first, VIEW_HEIGHT / ROW_HEIGHT).map(({ text }) => text);
      await waitFor(() => expect(inView(log)).toEqual(expected));
      expect(shown().length).toBeLessThan(100);
    }
  });

  it("follows its end while lines arrive", async () => {
    const { arrive, log } = await open(100_000);
    await waitFor(() => expect(inView(log).at(-1)).toBe("line 99999"));
    for (let last = 100_049; last < 101_000; last += 50) {
      arrive(50);
      await waitFor(() => expect(inView(log).at(-1)).toBe(`line ${last}`));
    }
    expect(shown().length).toBeLessThan(100);
  });

  it("stays at the scroll position while lines arrive", async () => {
    const { arrive, log, user } = await open(100_000);
    await waitFor(() => expect(inView(log).at(-1)).toBe("line 99999"));
    log.scrollTop = 70_000 * ROW_HEIGHT;
    await waitFor(() => expect(inView(log)[0]).toBe("line 70000"));
    const before = inView(log);
    for (let count = 100_100; count <= 102_000; count += 100) {
      arrive(100);
      const text = `${count.toLocaleString("en")} lines`;
      await waitFor(() => expect(screen.getByTestId("log-count")).toHaveTextContent(text));
    }
    expect(log.scrollTop).toBe(70_000 * ROW_HEIGHT);
    expect(inView(log)).toEqual(before);
    await user.click(screen.getByRole("button", { name: "Follow again" }));
    await waitFor(() => expect(inView(log).at(-1)).toBe("line 101999"));
    expect(screen.queryByRole("button", { name: "Follow again" })).toBeNull();
  });

  it("takes the keyboard focus without accessibility findings", async () => {
    const { log, user } = await open(100_000);
    await waitFor(() => expect(inView(log).at(-1)).toBe("line 99999"));
    await user.tab();
    await user.tab();
    expect(log).toHaveFocus();
    expect(await accessibilityFindings(document.body)).toEqual([]);
  });
});

describe("a log", () => {
  it("of two million lines shows the newest million", async () => {
    const platform = fake({
      outputCount: () => ok(2_000_000),
      outputLines: (_run, _source, from, count) => ok(lines(from, count)),
    });
    const run = new OpenRun(platform, released.id, () => 0);
    await run.lines.production.read();
    render(LogPane, { run, view: released, step: null });
    const log = screen.getByTestId("log-lines");
    await waitFor(() => expect(inView(log).at(-1)).toBe("line 1999999"));
    log.scrollTop = 0;
    await waitFor(() => expect(inView(log)[0]).toBe("line 1000000"));
    expect(screen.getByTestId("log-count")).toHaveTextContent("2,000,000 lines, the newest 1,000,000 shown");
  });

  it("shows each source under its own tab", async () => {
    const { log, run, user } = await open(100_000);
    run.lines.backup.take(lines(0, 3).map((one) => ({ ...one, label: "script", text: `dump ${one.number}` })));
    await user.click(await screen.findByTestId("log-tab-backup"));
    await waitFor(() => expect(shown()).toEqual(["dump 0", "dump 1", "dump 2"]));
    expect(screen.getByTestId("log-count")).toHaveAttribute("data-count", "3");
    await user.click(screen.getByTestId("log-tab-production"));
    await waitFor(() => expect(inView(log).at(-1)).toBe("line 99999"));
  });

  it("says so while it has no line", async () => {
    const { log } = await open(0);
    expect(log).toHaveTextContent("No line yet.");
  });

  it("does not call the version new that a rollback takes out", async () => {
    const { log, run } = await open(0, moment("rollback-started").view);
    expect(log).toHaveTextContent("The log is followed while the rollback goes on.");
    const at = "2026-11-23T13:00:00.000Z";
    run.lines.production.take([
      { number: 0, at, label: "new", text: "one" },
      { number: 1, at, label: "old", text: "two" },
    ]);
    await waitFor(() => expect(shown().map((row) => row.slice(8).trim())).toEqual(["2.1.0 one", "BEFORE two"]));
  });

  it("shows markup in a line as text", async () => {
    const { log, run } = await open(0);
    const text = `<img src=x onerror="alert(1)"><script>alert(2)</script> & \u202eover`;
    run.lines.production.take([{ number: 0, at: null, label: "new", text }]);
    await waitFor(() => expect(log).toHaveTextContent(text));
    expect(log.querySelector("img, script")).toBeNull();
  });

  it("shows time and version, and long lines whole", async () => {
    const { log, run } = await open(0);
    const text = `${"x".repeat(500)} failed`;
    run.lines.production.take([{ number: 0, at: "2026-11-23T13:00:00.000Z", label: "new", text }]);
    await waitFor(() => expect(log).toHaveTextContent(/\d\d:\d\d:\d\d NEW 2\.1\.0 x+ failed$/));
    expect(log.querySelector(".error")).toHaveTextContent(text);
  });
});
