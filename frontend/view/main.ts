// The page of `sleuth view`: which view an address shows.

import { fill, h } from "../common/dom";
import { onChange } from "./address";
import { showCompare } from "./compare";
import { showList } from "./list";
import { showReading } from "./read";
import { showRun } from "./run";

const VIEWS: Record<string, (root: HTMLElement) => () => void> = { "/": showList, "/run": showRun, "/compare": showCompare, "/read": showReading };

const app = document.getElementById("app")!;
const root = h("main", { id: "main", tabindex: "-1" });
fill(app,
  h("a", { class: "skip", href: "#main" }, "Skip to the content"),
  h("header", {}, h("a", { class: "brand", href: "/" }, "Sleuth"), h("nav", { "aria-label": "Views" }, h("a", { href: "/" }, "Runs"), h("a", { href: "/compare" }, "Compare"))),
  root);

let leave = (): void => undefined;
let path = "";

function show(): void {
  const top = location.pathname !== path;
  path = location.pathname;
  leave();
  document.title = "Sleuth";
  root.className = path === "/read" ? "wide" : "";
  leave = (VIEWS[path] ?? showList)(root);
  if (top) scrollTo(0, 0);
}

onChange(show);
show();
