"use strict";
(() => {
  // Every text of the lab reaches the page through textContent or an attribute,
  // never as markup.
  const $ = (id) => document.getElementById(id);
  const states = ["running", "stopped", "suspended", "missing", "foreign", "unknown"];
  const svgNames = "http://www.w3.org/2000/svg";
  const poll = Number(document.body.dataset.poll);

  let lab = JSON.parse($("lab").textContent);
  let nodes = new Map(lab.nodes.map((node) => [node.address, node]));
  const tiles = new Map(); // address -> the node's button in the room
  const cards = new Map(); // address -> the node's group in the drawing that is shown
  const wanted = new Set(); // states, or "drift", that are to be shown
  const view = { name: "", pod: null, node: "", zoom: 0, query: "" };

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function glyph(state) {
    const svg = document.createElementNS(svgNames, "svg");
    svg.setAttribute("class", "glyph");
    svg.setAttribute("viewBox", "0 0 12 12");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(svgNames, "use");
    use.setAttribute("href", "#state-" + state);
    svg.append(use);
    return svg;
  }

  const live = () => Boolean(lab.target);
  const drifted = (node) => node.drift.length > 0 && node.state !== "foreign" && node.state !== "missing";
  const podTitle = (pod) => pod || (hasPods() ? "shared by all pods" : lab.lab);
  const productOf = (node) => [node.product, node.version, node.role].filter(Boolean).join(" ");
  const addressesOf = (node) => node.nics.map((nic) => nic.ip).filter(Boolean);
  const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  // The drawings are data until they are looked at: parsing all of a large room
  // at the start would take long.
  const drawings = [...document.querySelectorAll("script[data-pod]")];
  const hasPods = () => drawings.some((drawing) => drawing.dataset.pod);

  function describe(node) {
    const parts = [node.address, productOf(node), addressesOf(node).join(" ")];
    if (live()) parts.push(node.state);
    if (drifted(node)) parts.push("differs from the lab file");
    return parts.filter(Boolean).join(", ");
  }

  // The room.

  function buildRoom() {
    const pods = new Map();
    for (const node of lab.nodes) {
      const pod = node.pod || "";
      if (!pods.has(pod)) pods.set(pod, []);
      pods.get(pod).push(node);
    }
    const names = drawings.map((drawing) => drawing.dataset.pod).filter((pod) => pods.has(pod));
    const largest = Math.max(0, ...names.filter(Boolean).map((pod) => pods.get(pod).length));
    $("pods").className = largest > 10 ? "large" : "";
    for (const pod of names) $("pods").append(buildPod(pod, pods.get(pod)));
  }

  function buildPod(pod, members) {
    const open = make("button", { type: "button", title: "Show the drawing" }, podTitle(pod));
    open.addEventListener("click", () => show({ name: "drawing", pod }));
    const list = make("ul", { class: "nodes", "aria-label": podTitle(pod) });
    members.forEach((node, i) => {
      const tile = make("button", { type: "button", class: "tile", "data-node": node.address, tabindex: i === 0 ? "0" : "-1" });
      tiles.set(node.address, tile);
      list.append(make("li", {}, tile));
      paintTile(node);
    });
    const section = make("section", { class: pod ? "pod" : "pod wide", "data-pod": pod },
      make("h2", {}, open, make("span", { class: "caption" }, captionOf(pod, members)), make("small")), make("div", { class: "meter", "aria-hidden": "true" }), make("p", { class: "sum" }), list);
    paintPod(section, members);
    return section;
  }

  // captionOf is what the notes of all nodes of a pod say alike: whose it is.
  function captionOf(pod, members) {
    const notes = members[0].notes || "";
    return pod && members.every((node) => node.notes === notes) ? notes.split("\n")[0] : "";
  }

  function paintTile(node) {
    const tile = tiles.get(node.address);
    tile.className = "tile " + node.state;
    tile.setAttribute("aria-label", describe(node));
    tile.title = describe(node);
    const label = make("span", { class: "label" }, node.name);
    const parts = [glyph(node.state), label];
    if (drifted(node)) parts.push(make("span", { class: "driftmark" }, "drift"));
    if (live()) parts.push(make("span", { class: "state" }, node.state));
    tile.replaceChildren(...parts);
  }

  function paintPod(section, members) {
    const tally = countStates(members);
    const meter = section.querySelector(".meter");
    const parts = [];
    meter.replaceChildren();
    meter.hidden = !live();
    for (const state of states) {
      if (!tally.get(state) || !live()) continue;
      const part = make("i", { class: state });
      part.style.flexGrow = tally.get(state);
      meter.append(part);
      parts.push(`${tally.get(state)} ${state}`);
    }
    if (tally.get("drift")) parts.push(`${tally.get("drift")} with drift`);
    section.querySelector(".sum").textContent = parts.join(" · ") || count(members.length, "node");
    section.querySelector(".sum").title = parts.join(" · ");
    section.querySelector("small").textContent = live() ? `${tally.get("running") || 0}/${members.length}` : "";
  }

  function countStates(members) {
    const tally = new Map();
    for (const node of members) {
      tally.set(node.state, (tally.get(node.state) || 0) + 1);
      if (drifted(node)) tally.set("drift", (tally.get("drift") || 0) + 1);
    }
    return tally;
  }

  // The drawing.

  function buildPodMenu() {
    $("podlabel").hidden = drawings.length < 2;
    for (const drawing of drawings) {
      $("pod").append(make("option", { value: drawing.dataset.pod }, podTitle(drawing.dataset.pod)));
    }
    $("pod").addEventListener("change", () => show({ pod: $("pod").value }));
  }

  function drawPod(pod) {
    const drawing = drawings.find((candidate) => candidate.dataset.pod === pod) || drawings[0];
    if (!drawing) return;
    view.pod = drawing.dataset.pod;
    $("pod").value = view.pod;
    const svg = document.importNode(new DOMParser().parseFromString(drawing.textContent, "image/svg+xml").documentElement, true);
    cards.clear();
    for (const group of svg.querySelectorAll("[data-node]")) {
      group.setAttribute("tabindex", "0");
      group.setAttribute("role", "button");
      cards.set(group.dataset.node, group);
      const node = nodes.get(group.dataset.node);
      if (node) paintCard(node);
    }
    $("sheet").replaceChildren(svg);
    zoom();
  }

  function paintCard(node) {
    const group = cards.get(node.address);
    group.setAttribute("class", `node ${node.state}${live() && drifted(node) ? " drifted" : ""}`);
    group.setAttribute("aria-label", describe(node));
    group.querySelector("title").textContent = describe(node);
    const text = group.querySelector(".state");
    if (!text) return;
    text.textContent = node.state;
    group.querySelector(".glyph").setAttribute("href", "#state-" + node.state);
  }

  // zoom 0 fits the drawing to the window, and never enlarges it.
  function zoom() {
    const svg = $("sheet").firstElementChild;
    if (!svg) return;
    const width = svg.viewBox.baseVal.width;
    const factor = view.zoom || Math.min(1, $("sheet").clientWidth / width || 1);
    svg.setAttribute("width", Math.round(width * factor));
    svg.setAttribute("height", Math.round(svg.viewBox.baseVal.height * factor));
    return factor;
  }

  function zoomBy(step) {
    const now = zoom() || 1;
    view.zoom = Math.min(4, Math.max(0.2, now * step));
    zoom();
  }

  // Details of one node.

  function showDetails(address, move) {
    const node = nodes.get(address);
    for (const element of document.querySelectorAll('[aria-current="true"]')) element.removeAttribute("aria-current");
    view.node = node ? address : "";
    $("details").hidden = !node;
    document.body.classList.toggle("open", Boolean(node));
    if (view.name === "drawing" && !view.zoom) zoom(); // the panel takes room, or gives it back
    writeHash();
    if (!node) return;
    for (const element of [tiles.get(address), cards.get(address)]) if (element) element.setAttribute("aria-current", "true");
    $("details-title").textContent = node.address;
    $("details-body").replaceChildren(...detailsOf(node));
    if (move) $("details-title").focus();
  }

  function detailsOf(node) {
    const out = [make("p", { class: "about" }, productOf(node) || "no product")];
    if (live()) out.push(make("p", { class: "now " + node.state }, glyph(node.state), make("span", { class: "state" }, node.state)));
    if (node.drift.length) {
      out.push(heading(drifted(node) ? "Differs from the lab file" : "Why"), make("ul", { class: "drifts" }, ...node.drift.map((text) => make("li", {}, text))));
    }
    out.push(heading("Machine"), facts([
      ["VM", node.vm], ["Host", node.host], ["CPUs", node.cpus], ["Memory", node.memory_mb && node.memory_mb + " MiB"],
      ["Disk", node.disk_gb && node.disk_gb + " GiB"], ["Guest", node.guest_id], ["Cluster", node.cluster],
      ["Clone of", node.source], ["Protected", node.protect && "yes"],
    ]));
    if (node.nics.length) out.push(heading("Networks"), nicTable(node));
    const cables = lab.links.filter((link) => link.server === node.address || link.client === node.address);
    if (cables.length) out.push(heading("Serial cables"), ...cables.map((link) => cable(link, node)));
    const ports = node.serial.filter((port) => port.backing !== "pipe");
    if (ports.length) out.push(heading("Serial ports"), facts(ports.map((port) => [port.backing, `${port.name} (${port.endpoint})`])));
    if (node.media.length) out.push(heading("Discs"), make("ul", {}, ...node.media.map((path) => make("li", {}, path))));
    if (node.notes) out.push(heading("Notes"), make("p", { class: "notes" }, node.notes));
    return out;
  }

  const heading = (text) => make("h3", {}, text);

  function facts(pairs) {
    const list = make("dl");
    for (const [name, value] of pairs) if (value) list.append(make("dt", {}, name), make("dd", {}, String(value)));
    return list;
  }

  function nicTable(node) {
    const table = make("table", {}, make("tr", {}, ...["Network", "Address", "MAC"].map((text) => make("th", { scope: "col" }, text))));
    for (const nic of node.nics) {
      table.append(make("tr", {}, make("td", {}, nic.network || "-"), make("td", {}, nic.ip || "-"), make("td", {}, nic.mac || "-")));
    }
    return table;
  }

  function cable(link, node) {
    const other = link.server === node.address ? link.client : link.server;
    const go = make("button", { type: "button", class: "go" }, other);
    go.addEventListener("click", () => showDetails(other, true));
    const end = link.server === node.address ? "server" : "client";
    return make("p", {}, `${link.name}: this is the ${end} end, the other is at `, go, ` (pipe ${link.pipe})`);
  }

  // Searching and filtering.

  function searchText(node) {
    const nics = node.nics.flatMap((nic) => [nic.network, nic.ip, nic.mac]);
    return [node.address, node.vm, productOf(node), node.state, node.host, node.cluster, node.guest_id, node.notes, ...nics, drifted(node) ? "drift" : ""]
      .filter(Boolean).join("\n").toLowerCase();
  }

  function matches(node) {
    const inState = wanted.size === 0 || wanted.has(node.state) || (wanted.has("drift") && drifted(node));
    if (!inState) return false;
    const words = view.query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return true;
    const text = searchText(node);
    return words.every((word) => text.includes(word));
  }

  function applyFilter() {
    const filtering = wanted.size > 0 || view.query.trim() !== "";
    const pods = new Set();
    let hits = 0;
    for (const node of lab.nodes) {
      const hit = matches(node);
      if (hit) {
        hits++;
        pods.add(node.pod || "");
      }
      for (const element of [tiles.get(node.address), cards.get(node.address)]) if (element) element.classList.toggle("dim", !hit);
    }
    for (const section of $("pods").children) section.hidden = filtering && !pods.has(section.dataset.pod);
    $("matches").textContent = filtering ? `${hits} of ${count(lab.nodes.length, "node")}${hasPods() ? " in " + count(pods.size, "pod") : ""}` : "";
  }

  function buildChips() {
    const tally = countStates(lab.nodes);
    $("chips").hidden = !live();
    const shown = [...states, "drift"].filter((state) => state !== "unknown" && (tally.get(state) || wanted.has(state)));
    const chips = shown.map((state) => {
      const chip = make("button", { type: "button", class: state, "aria-pressed": String(wanted.has(state)), "data-state": state },
        ...(state === "drift" ? [make("span", { class: "driftmark" }, state)] : [glyph(state), state]), make("b", {}, String(tally.get(state) || 0)));
      chip.addEventListener("click", () => {
        if (!wanted.delete(state)) wanted.add(state);
        chip.setAttribute("aria-pressed", String(wanted.has(state)));
        applyFilter();
      });
      return chip;
    });
    const focused = document.activeElement && document.activeElement.dataset.state;
    $("chips").replaceChildren(...chips);
    const again = chips.find((chip) => chip.dataset.state === focused);
    if (again) again.focus();
  }

  function buildLegend() {
    if (!live()) {
      $("legend").textContent = "Drawn from the lab file; the target was not read.";
      return;
    }
    $("legend").replaceChildren(...states.filter((state) => state !== "unknown").map((state) => make("span", { class: state }, glyph(state), state)),
      make("span", {}, make("span", { class: "driftmark" }, "drift"), "differs from the lab file"));
  }

  // What is shown, and its address in the location's hash.

  function show(change) {
    Object.assign(view, change);
    for (const name of ["room", "drawing"]) {
      $(name).hidden = view.name !== name;
      $("view-" + name).setAttribute("aria-pressed", String(view.name === name));
    }
    $("compact").hidden = view.name !== "room";
    if (view.name === "drawing") drawPod(view.pod === null ? firstPod() : view.pod);
    applyFilter();
    writeHash();
  }

  function firstPod() {
    const pods = drawings.map((drawing) => drawing.dataset.pod);
    return pods.find(Boolean) || "";
  }

  function writeHash() {
    const hash = new URLSearchParams();
    hash.set("view", view.name);
    if (view.name === "drawing" && view.pod) hash.set("pod", view.pod);
    if (view.node) hash.set("node", view.node);
    history.replaceState(null, "", "#" + hash);
  }

  function readHash() {
    const hash = new URLSearchParams(location.hash.slice(1));
    const name = ["room", "drawing"].includes(hash.get("view")) ? hash.get("view") : hasPods() ? "room" : "drawing";
    show({ name, pod: hash.has("pod") ? hash.get("pod") : null });
    if (hash.has("compact")) setCompact(true);
    if (nodes.has(hash.get("node"))) showDetails(hash.get("node"), false);
  }

  function setCompact(on) {
    $("pods").classList.toggle("compact", on);
    $("compact").setAttribute("aria-pressed", String(on));
  }

  function setTheme(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    $("theme").textContent = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" }[theme];
    $("theme").dataset.theme = theme;
    try { localStorage.setItem("uclab-theme", theme); } catch { /* a page from a file may have no storage */ }
  }

  function savedTheme() {
    try { return localStorage.getItem("uclab-theme") || "auto"; } catch { return "auto"; }
  }

  // Following the live state.

  const clockText = (date) => date.toLocaleTimeString([], { hour12: false });

  function showClock(date) {
    $("clock").textContent = !live() ? "from the lab file" : poll ? "live, " + clockText(date) : "read " + date.toLocaleString([], { hour12: false });
    $("clock").classList.toggle("live", live() && poll > 0);
  }

  function trouble(text) {
    $("trouble").hidden = !text;
    $("trouble").textContent = text;
    $("clock").classList.toggle("lost", Boolean(text));
  }

  const shapeOf = (document) => JSON.stringify([document.nodes.map((node) => node.address), document.networks, document.links]);

  function update(next) {
    if (shapeOf(next) !== shapeOf(lab)) {
      location.reload(); // the drawing itself is another one
      return;
    }
    const before = nodes;
    lab = next;
    nodes = new Map(lab.nodes.map((node) => [node.address, node]));
    const news = [];
    const touched = new Set();
    for (const node of lab.nodes) {
      const old = before.get(node.address);
      if (JSON.stringify(old) === JSON.stringify(node)) continue;
      touched.add(node.pod || "");
      repaint(node, old.state !== node.state || drifted(old) !== drifted(node));
      if (old.state !== node.state) news.push(`${node.address} is now ${node.state}`);
    }
    for (const section of $("pods").children) {
      if (touched.has(section.dataset.pod)) paintPod(section, lab.nodes.filter((node) => (node.pod || "") === section.dataset.pod));
    }
    if (!touched.size) return;
    buildChips();
    applyFilter();
    if (news.length) $("news").textContent = news.length > 5 ? `${news.length} nodes changed` : news.join(", ");
    if (view.node) showDetails(view.node, false);
  }

  function repaint(node, changed) {
    paintTile(node);
    const elements = [tiles.get(node.address)];
    if (cards.has(node.address)) {
      paintCard(node);
      elements.push(cards.get(node.address));
    }
    if (changed) for (const element of elements) element.classList.add("changed");
  }

  let tag = "";
  async function follow() {
    try {
      const answer = await fetch("status.json", { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      if (answer.status === 200) {
        tag = answer.headers.get("ETag") || "";
        update(await answer.json());
      }
      if (answer.status === 200 || answer.status === 304) {
        trouble("");
        showClock(new Date());
      } else {
        const text = await answer.text();
        trouble(`The target could not be read, this is what was last seen: ${text.trim()}`);
      }
    } catch {
      trouble("uclab graph --serve does not answer any more; this is what was last seen.");
    }
    setTimeout(follow, poll);
  }

  // Keys and clicks.

  function moveIn(list, from, key) {
    const all = [...list.querySelectorAll(".tile")];
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
    const at = all.indexOf(from);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: all.length - 1 }[key];
    if (to === undefined || !all[to]) return false;
    for (const tile of all) tile.tabIndex = tile === all[to] ? 0 : -1;
    all[to].focus();
    return true;
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, select");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      $("search").focus();
    } else if (event.key === "Escape") {
      const back = cards.get(view.node) && view.name === "drawing" ? cards.get(view.node) : tiles.get(view.node);
      if (view.node) {
        showDetails("", false);
        if (back) back.focus();
      } else if (view.query) {
        $("search").value = view.query = "";
        applyFilter();
      }
    } else if (event.target.classList.contains("tile")) {
      if (moveIn(event.target.closest(".nodes"), event.target, event.key)) event.preventDefault();
    } else if (event.target.dataset && event.target.dataset.node && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      showDetails(event.target.dataset.node, true);
    }
  }

  function listen() {
    $("view-room").addEventListener("click", () => show({ name: "room" }));
    $("view-drawing").addEventListener("click", () => show({ name: "drawing" }));
    $("main").addEventListener("click", (event) => {
      const element = event.target.closest("[data-node]");
      if (element) showDetails(element.dataset.node, true);
    });
    $("close").addEventListener("click", () => showDetails("", false));
    $("compact").addEventListener("click", () => setCompact($("compact").getAttribute("aria-pressed") !== "true"));
    $("smaller").addEventListener("click", () => zoomBy(0.8));
    $("larger").addEventListener("click", () => zoomBy(1.25));
    $("fit").addEventListener("click", () => { view.zoom = 0; zoom(); });
    $("search").addEventListener("input", () => { view.query = $("search").value; applyFilter(); });
    $("theme").addEventListener("click", () => setTheme({ auto: "light", light: "dark", dark: "auto" }[$("theme").dataset.theme]));
    document.addEventListener("keydown", onKey);
    window.addEventListener("resize", zoom);
    window.addEventListener("hashchange", readHash);
  }

  setTheme(savedTheme());
  buildRoom();
  buildPodMenu();
  buildChips();
  buildLegend();
  listen();
  showClock(lab.observed ? new Date(lab.observed) : new Date());
  readHash();
  if (poll > 0) setTimeout(follow, poll);
})();
