import "@fontsource-variable/inter/index.css";
import "@fontsource-variable/jetbrains-mono/index.css";
import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";
import { tauri } from "./platform/tauri";

const target = document.getElementById("root");
if (target === null) throw new Error("index.html has no element #root");
mount(App, { target, props: { platform: tauri } });
