// What has changed on the server appears on the page: the parts that are marked data-live are fetched again when an event
// says that there is something new. Without this script, everything else works the same.
(() => {
  "use strict";
  const prefix = document.body.dataset.prefix;
  if (!document.querySelector("[data-live]")) return;

  const said = document.getElementById("said");
  let timer = 0;
  let last = 0;

  // fresh fetches the page again, a second after the last time at the earliest.
  function fresh() {
    if (timer) return;
    timer = setTimeout(async () => {
      timer = 0;
      last = Date.now();
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" }).catch(() => null);
      if (answer && answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }, Math.max(50, last + 1000 - Date.now()));
  }

  // swap puts the new parts in place of the old. A part in which somebody types is left alone; what was open stays open, and
  // what had the focus keeps it.
  function swap(page) {
    for (const old of document.querySelectorAll("[data-live]")) {
      const now = page.getElementById(old.id);
      if (!now || meaning(now) === meaning(old)) continue;
      const active = old.contains(document.activeElement) ? document.activeElement : null;
      if (active && active.matches("input, select, textarea")) continue;
      for (const open of old.querySelectorAll("details[open][id]")) {
        const same = now.querySelector("#" + CSS.escape(open.id));
        if (same) same.open = true;
      }
      const at = active ? [...old.querySelectorAll(active.tagName)].indexOf(active) : -1;
      const before = state(old);
      old.replaceChildren(...now.childNodes);
      if (at >= 0) old.querySelectorAll(active.tagName)[at]?.focus();
      if (state(old) && state(old) !== before) said.textContent = document.querySelector("h1").textContent + ": " + state(old);
    }
  }

  // meaning is what a part says, but for how long ago something was.
  function meaning(part) {
    return part.innerHTML.replace(/(<time [^>]*>)[^<]*/g, "$1").replaceAll(' open=""', "");
  }

  function state(part) {
    return part.querySelector(".head .state")?.textContent ?? "";
  }

  // progress moves the bar of a run without asking for the page again.
  function progress(d) {
    const bar = document.querySelector(`progress[data-run="${CSS.escape(d.run_id)}"]`);
    if (!bar || !d.total) return;
    bar.max = d.total;
    bar.value = d.done;
    document.querySelector("[data-run-phase]").textContent = `${d.phase ?? "applying"}, ${d.done} of ${d.total}`;
  }

  const events = new EventSource(prefix + "/api/v1/events");
  for (const kind of ["run", "target", "fleet", "loop"]) {
    events.addEventListener(kind, (e) => {
      const { data } = JSON.parse(e.data);
      if (kind === "run" || kind === "target") progress(data);
      if (kind !== "target") fresh();
    });
  }
  events.addEventListener("open", fresh); // what happened while it was not there
  addEventListener("pagehide", () => events.close());
})();
