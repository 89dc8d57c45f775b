// The state of every view is in its address, so that an address shows another person the same.

/** The parameters of the address. */
export function state(): URLSearchParams {
  return new URLSearchParams(location.search);
}

/** An address with parameters set anew; null takes one away. */
export function address(path: string, changes: Record<string, string | string[] | null>, keep = true): string {
  const parameters = keep ? state() : new URLSearchParams();
  for (const [name, value] of Object.entries(changes)) {
    parameters.delete(name);
    if (Array.isArray(value)) for (const one of value) parameters.append(name, one);
    else if (value !== null && value !== "") parameters.append(name, value);
  }
  const query = parameters.toString();
  return query ? `${path}?${query}` : path;
}

let shown: () => void = () => undefined;

/** Says what shows the address anew. */
export function onChange(show: () => void): void {
  shown = show;
  addEventListener("popstate", show);
  document.addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest("a");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || link.origin !== location.origin || link.pathname.startsWith("/api/")) return;
    if (link.getAttribute("href")?.startsWith("#")) return;
    event.preventDefault();
    go(link.href);
  });
}

/** Goes to an address; with `replace` the one before is forgotten. */
export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  shown();
}

/** Notes a change in the address without showing anything anew. */
export function note(changes: Record<string, string | string[] | null>): void {
  history.replaceState(null, "", address(location.pathname, changes));
}
