// A chart that the server draws, with a reading of its values under the pointer, and as a table.

import { fill, h, s } from "../common/dom";
import { percent, visible } from "../common/text";
import { type ChartData, type Query, type Series, ask, query } from "./data";
import { failure } from "./parts";

const DASHES = ["", "6 3", "2 2"];
const ALLOWED = new Set(["svg", "g", "path", "line", "text", "rect", "circle", "title", "defs", "clipPath"]);
const ROWS = 400;

/** A figure that fills itself; `again` draws it anew. */
export function chart(title: string, of: Query, hint = ""): { element: HTMLElement; again: () => Promise<void> } {
  const picture = h("div", { class: "picture" }, h("p", { class: "quiet" }, "Drawing …")), key = h("ul", { class: "key" }), reading = h("p", { class: "values", "aria-hidden": "true" });
  const caption = h("figcaption", {}, hint), table = h("details", {}, h("summary", {}, "Values"));
  const links = h("span", { class: "links" },
    h("a", { href: `/api/chart.svg?${query(of)}`, download: "" }, "SVG"), " ",
    h("a", { href: `/api/chart.png?${query(of)}`, download: "" }, "PNG"));
  const element = h("figure", { class: "chart" }, h("h3", {}, title), key, picture, reading, caption, h("div", { class: "under" }, table, links));
  let told: ChartData | undefined;
  table.addEventListener("toggle", () => { if (table.open && told) fillTable(table, told, String(of.axis ?? "step")); });

  // Drawing costs the server time that a training run wants: only what is in sight is drawn.
  let seen = false, stale = false;
  const watch = new IntersectionObserver((entries) => {
    seen = entries.some((entry) => entry.isIntersecting);
    if (seen && stale) void again();
  }, { rootMargin: "300px" });
  watch.observe(element);

  async function again(): Promise<void> {
    stale = !seen;
    if (stale) return;
    try {
      told = await ask<ChartData>("chart", of);
    } catch (error) {
      fill(picture, failure(error));
      return;
    }
    if (!told.series.length) {
      fill(picture, h("p", { class: "quiet" }, of.axis === "tokens" ? "No tokens were sampled here." : "Nothing was logged."));
      return;
    }
    const svg = harmless(told.svg);
    if (!svg) return;
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${title}. ${told.series.map((one) => said(one, told!.percent)).join(" ")}`);
    fill(picture, svg);
    fill(key, told.series.length > 1 ? told.series.map((one) => h("li", {}, swatch(one), visible(one.name))) : []);
    if (told.explained) fill(caption, told.explained);
    if (table.open) fillTable(table, told, String(of.axis ?? "step"));
    readable(svg, told, reading);
  }
  return { element, again };
}

function swatch(one: Series): Element {
  const line = s("line", { x1: 0, y1: 4, x2: 22, y2: 4, stroke: one.colour, "stroke-width": 2.5, "stroke-dasharray": DASHES[one.dash % 3] });
  return s("svg", { class: "swatch", viewBox: "0 0 22 8", "aria-hidden": "true" }, line);
}

function written(value: number, share: boolean): string {
  return share ? percent(value) : Math.abs(value) >= 1000 || (value !== 0 && Math.abs(value) < 0.001) ? value.toExponential(2) : value.toPrecision(4);
}

function said(one: Series, share: boolean): string {
  const first = one.points[0], last = one.points[one.points.length - 1];
  if (!first || !last) return `${visible(one.name)}: nothing.`;
  return `${visible(one.name)}: ${written(first[1], share)} at ${first[0].toPrecision(3)}, ${written(last[1], share)} at ${last[0].toPrecision(3)}.`;
}

function fillTable(table: HTMLDetailsElement, told: ChartData, axis: string): void {
  const rows = told.series.flatMap((one) => one.points.map(([x, y]) => [one.name, x, y] as const)).slice(0, ROWS);
  fill(table, h("summary", {}, "Values"), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Values of the chart" }, h("table", {},
    h("thead", {}, h("tr", {}, ["run", axis, "value"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map(([name, x, y]) => h("tr", {}, h("td", {}, visible(name)), h("td", { class: "number" }, x.toPrecision(5)), h("td", { class: "number" }, written(y, told.percent))))))));
}

/** The drawing with nothing in it but shapes and texts. */
function harmless(text: string): SVGSVGElement | null {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (parsed.localName !== "svg") return null;
  for (const element of [parsed, ...parsed.querySelectorAll("*")]) {
    if (!ALLOWED.has(element.localName)) element.remove();
    for (const { name } of [...element.attributes]) {
      // The drawing is one picture with one text; a reader of the screen would read every point.
      if (/^on|href|^style$|^role$|^aria-/i.test(name)) element.removeAttribute(name);
    }
  }
  return document.importNode(parsed, true) as unknown as SVGSVGElement;
}

/** A line under the pointer, and the values there in words. */
function readable(svg: SVGSVGElement, told: ChartData, reading: HTMLElement): void {
  const frame = svg.querySelector<SVGPathElement>(".role-frame.root path.background, .role-frame path.background");
  const size = /h([\d.]+)v([\d.]+)/.exec(frame?.getAttribute("d") ?? "");
  if (!frame || !size) return;
  const width = Number(size[1]), height = Number(size[2]);
  const xs = told.series.flatMap((one) => one.points.map(([x]) => x));
  const low = Math.min(...xs), high = Math.max(...xs); // where the axis begins and ends
  const cursor = s("line", { y1: 0, y2: height, stroke: "var(--quiet)", "stroke-width": 1, visibility: "hidden" });
  frame.parentElement?.append(cursor);
  const show = (event: PointerEvent): void => {
    const matrix = frame.getScreenCTM();
    if (!matrix) return;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    if (at.x < -5 || at.x > width + 5) { hide(); return; }
    const x = low + ((high - low) * at.x) / width;
    const values = told.series.map((one) => ({ one, point: nearest(one.points, x) })).filter(({ point }) => point);
    const place = values[0]?.point?.[0] ?? x;
    const pixel = high > low ? (width * (place - low)) / (high - low) : width / 2;
    cursor.setAttribute("x1", String(pixel));
    cursor.setAttribute("x2", String(pixel));
    cursor.setAttribute("visibility", "visible");
    fill(reading, h("b", {}, String(Number(place.toPrecision(4)))), values.map(({ one, point }) => [h("span", {}, swatch(one), written(point![1], told.percent))]).flat());
  };
  const hide = (): void => {
    cursor.setAttribute("visibility", "hidden");
    fill(reading);
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerleave", hide);
}

function nearest(points: [number, number][], x: number): [number, number] | undefined {
  let best: [number, number] | undefined;
  for (const point of points) if (!best || Math.abs(point[0] - x) < Math.abs(best[0] - x)) best = point;
  return best;
}
