// The page: which case is played, and the game. The case is in the address, so a case can be sent to someone.

import { fill, h } from "../common/dom";
import { visible } from "../common/text";
import { type Contents, caseOf, contents, numberOf } from "./cases";
import { Game } from "./game";

const FAMILY = "temporal-clue";
const LEVEL = "2"; // as in the terminal
const MOST_NUMBER = 100_000;

let game: Game | undefined;

function spoken(family: string): string {
  const [name = "", version] = family.replaceAll("-", " ").split("@");
  return name.charAt(0).toUpperCase() + name.slice(1) + (version ? `, version ${version}` : "");
}

/** Today, or "case 12": what a share line and the heading call a case. */
function called(key: string, there: Contents): string {
  const [family = "", level = "", number = ""] = key.split("/");
  if (family === "run") return `case ${Number(level) + 1} of a run`;
  const today = Number(number) === numberOf(new Date(), there);
  const day = new Date().toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
  return `${spoken(family)}, level ${level}, ${today ? `the case of ${day}` : `case ${number}`}`;
}

function chooser(there: Contents, key: string): HTMLElement {
  const [given = "", level = "", number = ""] = key.split("/");
  const offered = there.families.find((one) => one.family === given) ?? there.families.find((one) => one.family === FAMILY) ?? there.families[0];
  const families = h("select", { id: "family" }, there.families.map((one) => h("option", { value: one.family, selected: one === offered }, spoken(one.family))));
  const levels = h("select", { id: "level" });
  const chosen = (): string => `${families.value}/${levels.value}`;
  const fillLevels = (wanted: string): void => {
    const one = there.families.find((other) => other.family === families.value);
    fill(
      levels,
      Object.entries(one?.levels ?? {}).map(([name, about]) => h("option", { value: name, selected: name === wanted }, `${name}: ${about}`)),
    );
  };
  const play = (which: string): void => {
    location.hash = `#${which}`;
  };
  const today = (): void => play(`${chosen()}/${numberOf(new Date(), there)}`);
  const another = (): void => {
    const count = there.count ?? MOST_NUMBER;
    let next = Math.floor(Math.random() * count);
    if (String((there.first ?? 0) + next) === number) next = (next + 1) % count;
    play(`${chosen()}/${(there.first ?? 0) + next}`);
  };
  fillLevels(level);
  families.addEventListener("change", () => {
    fillLevels("");
    today();
  });
  levels.addEventListener("change", today);
  const tried = h(
    "select",
    { id: "tried" },
    h("option", { value: "" }, "choose"),
    there.tried.map((one) => h("option", { value: one.key, selected: one.key === key }, `${visible(one.name)} (${one.solved ? "solved" : "not solved"})`)),
  );
  tried.addEventListener("change", () => tried.value && play(tried.value));
  return h(
    "div",
    { class: "chooser" },
    h("span", {}, h("label", { for: "family" }, "Family"), families),
    h("span", {}, h("label", { for: "level" }, "Level"), levels),
    h("button", { type: "button", onclick: today }, "Today's case"),
    h("button", { type: "button", onclick: another }, "Another case"),
    there.tried.length > 0 && h("span", {}, h("label", { for: "tried" }, "Cases that a model tried"), tried),
  );
}

async function show(app: HTMLElement, there: Contents): Promise<void> {
  const first = there.families.find((one) => one.family === FAMILY) ?? there.families[0];
  const level = first && (LEVEL in first.levels ? LEVEL : Object.keys(first.levels)[0]);
  const key = location.hash.slice(1) || (first ? `${first.family}/${level}/${numberOf(new Date(), there)}` : (there.tried[0]?.key ?? ""));
  game?.close();
  game = undefined;
  const main = h("main", {}, h("p", { role: "status", class: "wait" }, "Opening the case…"));
  fill(
    app,
    h("header", {}, h("h1", {}, "Sleuth"), chooser(there, key)),
    main,
    h("footer", { class: "quiet small" }, "Every case is proved to have exactly one answer."),
  );
  try {
    const played = await caseOf(key);
    if (!main.isConnected) return; // another case was chosen meanwhile
    const link = called(key, there);
    game = new Game(key, played, link);
    document.title = `Sleuth: ${link}`;
    fill(main, h("p", { class: "which" }, link), game.element);
  } catch (error) {
    fill(main, h("p", { role: "alert" }, `This case cannot be opened: ${visible((error as Error).message)}`));
  }
}

async function start(): Promise<void> {
  const app = document.getElementById("app");
  if (!app) return;
  try {
    const there = await contents();
    window.addEventListener("hashchange", () => void show(app, there));
    await show(app, there);
  } catch (error) {
    fill(app, h("p", { role: "alert" }, `The page cannot be opened: ${visible((error as Error).message)}`));
  }
}

void start();
