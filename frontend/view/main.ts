// The page of `sleuth view`.

import { fill, h } from "../common/dom";

const app = document.getElementById("app");
if (app) fill(app, h("main", {}, h("h1", {}, "Runs")));
