// The page of the listening test: start, clips one by one, thanks.

const WORDS = ["bad", "poor", "fair", "good", "excellent"];
const SCALES = ["fidelity", "musicality"];
// So much of a clip must have been played before it can be rated; of shorter ones, all.
const HEARD_SECS = 5;
// A rating that the server has not confirmed, so that a reload does not lose it.
const UNCONFIRMED = "unconfirmed rating";

const $ = (id) => document.getElementById(id);
const audio = $("audio");
let clips = [];
let at = 0;
let heard = false;
let busy = false;

// --- Talking to the server -------------------------------------------------

function tell(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

function pause(attempt) {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.min(500 * 2 ** attempt, 8000));
    addEventListener("online", resolve, { once: true });
  });
}

// Asks until the server answers; what it refuses for good is thrown.
async function ask(path, method = "GET", content = undefined) {
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await fetch(path, {
        method,
        headers: content ? { "Content-Type": "application/json" } : {},
        body: content && JSON.stringify(content),
        signal: AbortSignal.timeout(15000),
      });
      if (answer.ok) {
        const said = answer.status === 204 ? null : await answer.json();
        tell("");
        return said;
      }
      if (answer.status < 500) throw Object.assign(new Error(await answer.text()), { final: true });
    } catch (error) {
      if (error.final) throw error;
    }
    tell(`${content?.clip ? "Your rating is kept. " : ""}The server cannot be reached: trying again …`);
    await pause(attempt);
  }
}

// Where the browser keeps nothing, a reload may lose what is being saved.
function keep(rating) {
  try {
    if (rating) localStorage.setItem(UNCONFIRMED, JSON.stringify(rating));
    else localStorage.removeItem(UNCONFIRMED);
  } catch {}
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(UNCONFIRMED));
  } catch {
    return null;
  }
}

async function save(rating) {
  keep(rating);
  await ask("ratings", "POST", rating);
  keep(null);
  Object.assign(clips.find((clip) => clip.clip === rating.clip), rating);
}

// --- Pages -----------------------------------------------------------------

function showPage(id) {
  for (const main of document.querySelectorAll("main")) main.hidden = main.id !== id;
  scrollTo(0, 0);
}

async function open() {
  const session = await ask("session");
  clips = session.clips;
  if (!clips.length) {
    $("total").textContent = session.total === 1 ? "one clip" : `${session.total} short clips`;
    return showPage("start");
  }
  const before = kept();
  if (clips.some((clip) => clip.clip === before?.clip)) await save(before);
  else keep(null);
  goOn();
}

function goOn() {
  const unrated = clips.findIndex((clip) => clip.fidelity === null);
  if (unrated >= 0) return show(unrated);
  audio.pause();
  showPage("done");
  $("thanks").focus();
}

function show(number) {
  at = number;
  const clip = clips[at];
  const rated = clips.filter((other) => other.fidelity !== null).length;
  $("heading").textContent = `Clip ${at + 1} of ${clips.length}`;
  $("progress").setAttribute("aria-valuemax", clips.length);
  $("progress").setAttribute("aria-valuenow", rated);
  $("progress").style.setProperty("--part", rated / clips.length);
  heard = clip.fidelity !== null;
  audio.src = `clips/${clip.clip}`;
  for (const scale of SCALES) {
    for (const input of inputs(scale)) input.checked = Number(input.value) === clip[scale];
  }
  $("back").disabled = at === 0;
  showPage("rate");
  $("heading").focus();
  follow();
  update();
}

// --- Rating ----------------------------------------------------------------

const inputs = (scale) => $(scale).querySelectorAll("input");
const rated = (scale) => Number($(scale).querySelector(":checked")?.value ?? 0);

function playedSecs() {
  let secs = 0;
  for (let k = 0; k < audio.played.length; k++) secs += audio.played.end(k) - audio.played.start(k);
  return secs;
}

function update() {
  heard ||= audio.ended || playedSecs() >= HEARD_SECS;
  const missing = SCALES.filter((scale) => !rated(scale));
  const longer = audio.duration > HEARD_SECS ? `${HEARD_SECS} seconds of the` : "the whole";
  let hint = "";
  if (!heard) hint = `Listen to ${longer} clip first.`;
  else if (missing.length) hint = `Rate ${missing.join(" and ")}.`;
  if ($("hint").textContent !== hint) $("hint").textContent = hint;
  $("next").disabled = busy || hint !== "";
}

// What is rated of the present clip, if it is complete and not stored.
function unsaved() {
  const clip = clips[at];
  const rating = { clip: clip.clip, fidelity: rated("fidelity"), musicality: rated("musicality") };
  const complete = heard && SCALES.every((scale) => rating[scale]);
  return complete && SCALES.some((scale) => rating[scale] !== clip[scale]) ? rating : null;
}

// Stores what was rated, and what is changed while that takes, and moves on.
async function leave(move) {
  if (busy) return;
  busy = true;
  update();
  try {
    for (let rating; (rating = unsaved()); ) await save(rating);
  } catch (error) {
    return tell(error.message);
  } finally {
    busy = false;
    update();
  }
  move();
}

const next = () => leave(() => (at + 1 < clips.length ? show(at + 1) : goOn()));
const back = () => leave(() => show(at - 1));

// --- Playing ---------------------------------------------------------------

const clock = (secs) => `${Math.floor(secs / 60)}:${String(Math.floor(secs % 60)).padStart(2, "0")}`;

function toggle() {
  if (audio.paused) audio.play().catch(() => {}); // what is wrong, `error` says
  else audio.pause();
}

function follow() {
  const duration = audio.duration || 0;
  $("played").style.setProperty("--part", duration ? audio.currentTime / duration : 0);
  $("time").textContent = `${clock(audio.currentTime)} / ${clock(Math.ceil(duration))}`;
  if (!audio.paused) requestAnimationFrame(follow);
}

function showState() {
  $("play").classList.toggle("playing", !audio.paused);
  $("play").setAttribute("aria-label", audio.paused ? "Play" : "Pause");
  follow();
  update();
}

let failures = 0;
async function reload() {
  const clip = clips[at].clip;
  tell("The clip cannot be loaded: trying again …");
  await pause(failures++);
  if (clips[at].clip === clip && audio.error) audio.load();
}

for (const event of ["play", "pause", "ended", "emptied"]) audio.addEventListener(event, showState);
for (const event of ["timeupdate", "loadedmetadata"]) audio.addEventListener(event, update);
audio.addEventListener("loadedmetadata", follow);
audio.addEventListener("error", reload);
audio.addEventListener("canplay", () => {
  if (failures) tell("");
  failures = 0;
});

// --- Keys and buttons ------------------------------------------------------

for (const scale of SCALES) {
  $(scale).setAttribute("aria-describedby", `about-${scale}`);
  for (const [k, word] of WORDS.entries()) {
    const [label, input, number, name] = ["label", "input", "b", "span"].map((tag) =>
      document.createElement(tag),
    );
    Object.assign(input, { type: "radio", name: scale, value: k + 1 });
    number.textContent = k + 1;
    name.textContent = word;
    label.append(input, number, name);
    $(scale).querySelector(".tiles").append(label);
  }
}

let tabbed = false; // whether Tab or arrows moved the focus, and not a digit

// A digit rates the scale that has the focus, or the first that is not rated.
function rate(value) {
  const focused = SCALES.find((scale) => $(scale).contains(document.activeElement));
  const scale = focused ?? SCALES.find((name) => !rated(name)) ?? SCALES[0];
  const input = inputs(scale)[value - 1];
  input.checked = true;
  input.focus();
  const unrated = SCALES.find((name) => !rated(name));
  if (unrated) inputs(unrated)[0].focus();
  tabbed = false;
  update();
}

addEventListener("keydown", (event) => {
  if ($("rate").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  const onButton = event.target.closest("button");
  // Who goes there by Tab chooses by Space, as everywhere.
  if (/^(Tab|Arrow)/.test(event.key)) tabbed = true;
  const onChoice = tabbed && event.target.matches("input:not(:checked)");
  if (/^[1-5]$/.test(event.key)) rate(Number(event.key));
  else if (event.key === " " && !onButton && !onChoice) toggle();
  else if (event.key === "Enter" && !onButton) $("next").click();
  else return;
  event.preventDefault();
});

$("scales").addEventListener("change", update);
$("scales").addEventListener("submit", (event) => event.preventDefault());
$("play").addEventListener("click", toggle);
$("next").addEventListener("click", next);
$("back").addEventListener("click", back);
$("revise").addEventListener("click", () => show(0));
$("begin").addEventListener("click", async () => {
  $("begin").disabled = true;
  try {
    await ask("raters", "POST", location.hash ? { invitation: location.hash.slice(1) } : {});
    await open();
    if (!clips.length) tell("This browser keeps no cookies: allow them for this page.");
  } catch (error) {
    tell(error.message);
  }
  $("begin").disabled = false;
});

open().catch((error) => tell(error.message));
