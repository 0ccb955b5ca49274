// The real app. Only this file and the generated bindings import Tauri.

import { Channel } from "@tauri-apps/api/core";
import { commands, events, type Lines } from "../generated/bindings";
import type { Platform } from "./platform";

export const tauri: Platform = {
  commands,
  onRunMoved: (seen) => events.runMoved.listen((event) => seen(event.payload)),
  onLive: (seen) => events.liveSeen.listen((event) => seen(event.payload)),
  async followLines(run, arrived) {
    const channel = new Channel<Lines>();
    channel.onmessage = arrived;
    await commands.followLines(run, channel);
  },
};
