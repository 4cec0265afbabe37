// Slides over the seconds of a clip: what happens, what each system says and looks at. Data: window.VSCG_CLIPS, which
// clips.js holds, made by book/touch.py. No library, no network: it works from a file, too.
"use strict";

function vscgPlayer(root, data) {
  const SECONDS = data.clips[0].truth.length, FIELDS = data.clips[0].silent.length, BACKGROUND = data.classes.length - 1;
  const OWN = 0, NONE = 1, BLOCKS = data.clips[0].levels[0].vscg.length > 0;      // whether VSCG's blocks are open
  const value = Object.fromEntries([...data.digits].map((digit, number) => [digit, number]));
  const numbers = (text) => [...text].map((digit) => value[digit]);
  const usual = {level: Math.max(0, data.ambiguities.indexOf(0.2)), threshold: Math.max(0, data.thresholds.indexOf(0.099))};
  const state = {clip: Math.max(0, data.clips.findIndex(({silent}) => numbers(silent).some(Boolean))), second: 0, system: 0, prior: OWN, ...usual};
  const part = {};
  let timer = null;

  function make(kind, words, attributes = {}, parent = null) {
    const element = document.createElement(kind);
    element.textContent = words;
    Object.entries(attributes).forEach(([name, what]) => element.setAttribute(name, what));
    if (parent) parent.append(element);
    return element;
  }

  function control(name, words, kind, attributes, parent) {
    const label = make("label", words, {}, parent);
    const element = make(kind, "", {...attributes, "data-part": name}, label);
    part[name] = element;
    part[`${name}Says`] = make("output", "", {}, label);
    return element;
  }

  function slider(name, words, most, change, parent) {
    const element = control(name, words, "input", {type: "range", min: 0, max: most, step: 1}, parent);
    element.addEventListener("input", () => change(Number(element.value)));
  }

  const clip = () => data.clips[state.clip];
  const level = () => clip().levels[state.level];
  const event = () => data.classes[clip().category];
  const second = (at) => `second ${at + 1}`;

  // What a system says of the ten seconds; VSCG, the first, with the threshold and the prior that are set.
  function said(system) {
    if (system > 0 || !BLOCKS) return numbers(level().said[system]);
    return numbers(level().vscg[state.threshold].slice(SECONDS * state.prior, SECONDS * (state.prior + 1)));
  }

  const right = (classes) => classes.filter((name, at) => name === numbers(clip().truth)[at]).length;

  function build() {
    root.classList.add("vscg-player");
    root.replaceChildren();
    const top = make("div", "", {class: "vp-controls"}, root);
    const pick = control("clip", "Clip ", "select", {}, top);
    data.clips.forEach((one, at) => make("option", `${at + 1}: ${data.classes[one.category]}`, {value: at}, pick));
    pick.addEventListener("change", () => set({clip: Number(pick.value)}));
    slider("second", "Second ", SECONDS - 1, (at) => set({second: at}), top);
    part.play = make("button", "Play", {type: "button", "data-part": "play"}, top);
    part.play.addEventListener("click", play);
    part.seconds = make("table", "", {class: "vp-seconds"}, root);
    part.legend = make("p", "", {class: "vp-legend"}, root);
    const both = make("div", "", {class: "vp-both"}, root);
    const look = make("section", "", {"aria-label": "Where a system looks"}, both);
    const system = control("system", "Look of ", "select", {}, look);
    data.systems.forEach((one, at) => make("option", one.name, {value: at}, system));
    system.addEventListener("change", () => set({system: Number(system.value)}));
    part.map = make("div", "", {class: "vp-map", role: "img"}, look);
    part.map.style.setProperty("--vp-side", Math.sqrt(FIELDS));
    part.mapSays = make("p", "", {}, look);
    const pairs = make("section", "", {"aria-label": "Which pairs of seconds PSP keeps"}, both);
    slider("threshold", "PSP's threshold ", data.thresholds.length - 1, (at) => set({threshold: at}), pairs);
    part.pairs = make("div", "", {class: "vp-pairs", role: "img"}, pairs);
    part.pairs.style.setProperty("--vp-side", SECONDS);
    pairs.hidden = !BLOCKS;
    part.pairsSay = make("p", "", {}, pairs);
    const turn = make("div", "", {class: "vp-controls"}, root);
    const prior = control("prior", "Event vector that starts VSCG's GRUs ", "select", {}, turn);
    prior.addEventListener("change", () => set({prior: Number(prior.value)}));
    slider("level", "Ambiguity ", data.ambiguities.length - 1, (at) => set({level: at}), turn);
    prior.parentElement.hidden = !BLOCKS;
    part.level.parentElement.hidden = data.ambiguities.length < 2;
    part.reset = make("button", "As trained", {type: "button", "data-part": "reset"}, turn);
    part.reset.hidden = !BLOCKS;
    part.reset.addEventListener("click", () => set({prior: OWN, ...usual}));
    part.verdict = make("p", "", {class: "vp-verdict", "aria-live": "polite", "data-part": "verdict"}, root);
    const {made, systems} = data;
    const about = make("details", "", {class: "vp-about"}, root);
    make("summary", "How this was made", {}, about);
    make("p", `${made.command}${made.date}, ${made.device}. Accuracy is that of all test clips, one seed each.`, {}, about);
    make("p", `Data set: ${made.data} (${made.fingerprint}).`, {}, about);
    const list = make("ul", "", {}, about);
    systems.forEach((one) => make("li", `${one.name}: ${one.accuracy.toFixed(1)}% after ${one.epochs} epochs, seed ${one.seed}, ` +
      `run ${one.key}, ${one.finished}, ${one.device}`, {}, list));
  }

  function set(changes) {
    if (changes.clip !== undefined) stop();
    Object.assign(state, changes);
    draw();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    part.play.textContent = "Play";
  }

  function play() {
    if (timer) return stop();
    if (state.second === SECONDS - 1) set({second: 0});
    part.play.textContent = "Stop";
    timer = setInterval(() => {
      set({second: state.second + 1});
      if (state.second === SECONDS - 1) stop();
    }, 700);
  }

  // A letter for each class that somebody says of this clip: A is the true event.
  function names() {
    const found = [clip().category];
    data.systems.forEach((_, system) => found.push(...said(system)));
    return [...new Set(found)].filter((name) => name !== BACKGROUND);
  }

  function drawSeconds() {
    const truth = numbers(clip().truth), short = names();
    const letter = (name) => name === BACKGROUND ? "\u25cb" : String.fromCharCode(65 + short.indexOf(name));
    part.seconds.replaceChildren();
    make("caption", `What happens, and what each system says (${event()})`, {}, part.seconds);
    const head = make("tr", "", {}, make("thead", "", {}, part.seconds));
    make("th", "", {scope: "col"}, head).append(make("span", "second", {class: "vp-dim"}));
    for (let at = 0; at < SECONDS; at++) make("th", String(at + 1), {scope: "col"}, head);
    make("th", "right", {scope: "col"}, head);
    const body = make("tbody", "", {}, part.seconds);
    const row = (title, cells, end) => {
      const line = make("tr", "", {}, body);
      make("th", title, {scope: "row"}, line);
      cells.forEach(({words, kind, style, title: hover}, at) => {
        const cell = make("td", words, {class: `${kind} ${at === state.second ? "vp-now" : ""}`, title: hover}, line);
        if (style) cell.style.setProperty("--vp-part", style);
      });
      make("td", end, {class: "vp-dim"}, line);
    };
    [["heard", "vp-sound"], ["seen", "vp-picture"]].forEach(([what, kind]) => row(
      `evidence ${what}`, numbers(level()[what]).map((share) => ({words: "", kind, style: `${Math.round(share / 0.63)}%`,
        title: `${Math.round(share / 0.63)}%`})), ""));
    row("truth", truth.map((name) => ({words: letter(name), title: data.classes[name],
      kind: name === BACKGROUND ? "vp-nothing" : "vp-right"})), "");
    data.systems.forEach((one, system) => {
      const classes = said(system);
      row(one.name, classes.map((name, at) => ({words: letter(name), title: data.classes[name],
        kind: name !== truth[at] ? "vp-wrong" : name === BACKGROUND ? "vp-nothing" : "vp-right"})), `${right(classes)}`);
    });
    part.legend.textContent = `${short.map((name) => `${letter(name)} ${data.classes[name]}`).join(", ")}, ` +
      "\u25cb background. What is struck is wrong.";
  }

  function drawMap() {
    const looks = level().looks[state.system], from = FIELDS * state.second;
    const object = numbers(clip().object).slice(from, from + FIELDS), silent = numbers(clip().silent);
    const heat = looks ? numbers(looks).slice(from, from + FIELDS) : object.map(() => 0);
    part.map.replaceChildren();
    heat.forEach((share, at) => {
      const cell = make("span", "", {class: `${object[at] ? "vp-object" : ""} ${silent[at] ? "vp-silent" : ""}`}, part.map);
      cell.style.setProperty("--vp-part", `${Math.round(share / 0.63)}%`);
    });
    const {name} = data.systems[state.system], there = object.some(Boolean);
    const even = Math.round(100 * object.reduce((sum, one) => sum + one, 0) / object.length);
    const on = there ? `${level().on[state.system][state.second]}% of it lies on the object (solid frame); an even look ` +
      `would put ${even}% there.` : "The object is not in the picture.";
    const words = looks ? `${name}, ${second(state.second)}: the greener, the more attention. ${on}` :
      `${name} has no attention over the picture.`;
    part.mapSays.textContent = words + (silent.some(Boolean) ? " Dashed frame: an object that makes no sound." : "");
    part.map.setAttribute("aria-label", words);
  }

  function drawPairs() {
    const cut = 1000 * data.thresholds[state.threshold], shares = level().shares.slice(0, SECONDS * SECONDS);
    const truth = numbers(clip().truth);
    part.pairs.replaceChildren();
    shares.forEach((share, at) => {
      const [picture, sound] = [Math.floor(at / SECONDS), at % SECONDS];
      const kinds = [share > cut ? "vp-kept" : "vp-cut", picture === state.second ? "vp-now" : ""];
      const cell = make("span", "", {class: kinds.join(" "),
        title: `picture ${picture + 1}, sound ${sound + 1}: ${(share / 1000).toFixed(3)}`}, part.pairs);
      cell.style.setProperty("--vp-part", `${Math.min(100, share / 2)}%`);
    });
    const kept = shares.map((share, at) => at).filter((at) => shares[at] > cut);
    const inside = kept.filter((at) => truth[Math.floor(at / SECONDS)] !== BACKGROUND && truth[at % SECONDS] !== BACKGROUND);
    part.pairsSay.textContent = `Rows: seconds of the picture; columns: seconds of the sound that they receive from. ` +
      `${kept.length} of ${shares.length} pairs remain, ${inside.length} of them between two seconds of the event.`;
    part.pairs.setAttribute("aria-label", part.pairsSay.textContent);
  }

  function draw() {
    const donors = data.clips.map((one, at) => [at + 2, `of clip ${at + 1}: ${data.classes[one.category]}`]);
    part.prior.replaceChildren();
    [[OWN, "the clip's own"], [NONE, "none, all zeros"], ...donors].forEach(([at, words]) =>
      make("option", words, {value: at}, part.prior));
    ["clip", "second", "system", "threshold", "prior", "level"].forEach((name) => { part[name].value = state[name]; });
    part.secondSays.textContent = state.second + 1;
    part.second.setAttribute("aria-valuetext", second(state.second));
    part.thresholdSays.textContent = data.thresholds[state.threshold];
    part.threshold.setAttribute("aria-valuetext", data.thresholds[state.threshold]);
    part.levelSays.textContent = data.ambiguities[state.level];
    part.level.setAttribute("aria-valuetext", data.ambiguities[state.level]);
    drawSeconds();
    drawMap();
    if (BLOCKS) drawPairs();
    drawVerdict();
  }

  function drawVerdict() {
    if (!BLOCKS) return say(`${data.systems[0].name} says ${right(said(0))} of ${SECONDS} seconds right.`);
    const now = said(0), before = numbers(level().vscg[usual.threshold].slice(0, SECONDS));
    const turned = now.filter((name, at) => name !== before[at]).length;
    const changed = state.threshold !== usual.threshold || state.prior !== OWN;
    say(`VSCG says ${right(now)} of ${SECONDS} seconds right.` + (changed ? ` The change of threshold or ` +
      `event vector turned ${turned} of ${SECONDS} seconds; before, ${right(before)} were right.` : ""));
  }

  // A screen reader reads it aloud whenever it is written, so it is written when it is another one.
  function say(words) {
    if (part.verdict.textContent !== words) part.verdict.textContent = words;
  }

  build();
  // Or Jupyter Lab takes the keys of whatever has the focus.
  root.querySelectorAll("input, select, button").forEach((one) => one.setAttribute("data-lm-suppress-shortcuts", "true"));
  draw();
}

document.querySelectorAll("[data-vscg-player]").forEach((root) => vscgPlayer(root, window.VSCG_CLIPS));
