// The result of a command, as the generated bindings define it.

import type { Failure } from "../generated/bindings";

export type Result<T> = { status: "ok"; data: T } | { status: "error"; error: Failure };
