// The page of `ada play`: sends the settings of a clip, and plays it while it is made.

const $ = (id) => document.getElementById(id);
const form = $("settings");
const player = $("player");
let state = { systems: [], clips: [], jobs: [] };
let sound = null;  // {name, secs} of what was uploaded or recorded
let job = null;    // the number of the job that this page hears

async function ask(path, options) {
  const response = await fetch(path, options);
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}

const post = (path, value) => ask(path, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value),
});

function complain(error) {
  $("notice").textContent = error ? error.message : "";
  $("notice").hidden = !error;
}

const mode = () => form.elements.mode.value;
const system = () => state.systems.find((one) => one.name === $("system").value);

// What the choice of system and mode lets one set.
function arrange() {
  const chosen = system();
  if (!chosen) return;
  for (const radio of form.elements.mode) {
    radio.disabled = radio.value === "translate" ? !chosen.numDecoders : !chosen.hasPrior;
  }
  if (form.querySelector("[name=mode]:checked").disabled) {
    form.querySelector("[name=mode]:not(:disabled)").checked = true;
  }
  $("prompt").hidden = mode() === "new";
  $("listening").hidden = mode() === "translate";
  $("levels").max = Math.max(chosen.numDecoders, 1);
  $("levelling").hidden = mode() !== "translate" || chosen.numDecoders < 2;
  show();
}

function useDefaults() {
  const chosen = system();
  if (!chosen) return;
  $("temperature").value = chosen.temperature;
  $("topP").value = chosen.topP;
  post("systems/load", { system: chosen.name }).catch(complain);
  arrange();
}

// Numbers beside sliders.
function show() {
  for (const output of form.querySelectorAll("output")) {
    const input = $(output.htmlFor.value);
    const unit = ["secs", "listenSecs"].includes(input.id) ? " s" : "";
    output.textContent = `${Number(input.value)}${unit}`;
  }
}

async function send(blob, title) {
  $("chosen").textContent = "Sending…";
  try {
    sound = await ask(`uploads?title=${encodeURIComponent(title)}`, {
      method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: blob,
    });
    $("kept").value = "";
    $("chosen").textContent = `${title}, ${sound.secs.toFixed(1)} s.`;
    complain();
  } catch (error) {
    sound = null;
    $("chosen").textContent = "";
    complain(error);
  }
}

$("sound").addEventListener("change", () => {
  const file = $("sound").files[0];
  if (file) send(file, file.name);
});
$("kept").addEventListener("change", () => {
  if ($("kept").value) { sound = null; $("sound").value = ""; $("chosen").textContent = ""; }
});

let recorder = null;
$("record").addEventListener("click", async () => {
  if (recorder) { recorder.stop(); return; }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const parts = [];
    recorder = new MediaRecorder(stream);
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      send(new Blob(parts), "recording");
      recorder = null;
      $("record").textContent = "Record";
    });
    recorder.start();
    $("record").textContent = "Stop recording";
  } catch (error) {
    complain(new Error(`Recording is not possible: ${error.message}`));
  }
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const settings = { mode: mode(), system: $("system").value };
  for (const id of ["secs", "listenSecs", "temperature", "topP", "levels"]) {
    settings[id] = Number($(id).value);
  }
  if ($("seed").value !== "") settings.seed = Number($("seed").value);
  if (settings.mode !== "new") {
    if (sound) settings.sound = sound.name;
    if ($("kept").value) settings.clip = $("kept").value;
  }
  try {
    const made = await post("jobs", settings);
    complain();
    hear(made);
  } catch (error) {
    complain(error);
  }
});

$("stop").addEventListener("click", () => { if (job) post(`jobs/${job}/stop`, {}).catch(complain); });

function hear(made) {
  job = made.number;
  $("present").hidden = false;
  player.src = `jobs/${job}/sound`;
  player.play().catch(() => {});  // browsers may want a click on the player itself
  follow(made);
}

const WORDS = {
  waiting: "Waits for the clips before it.", loading: "Loads the system.",
  done: "Done, and kept below.", stopped: "Stopped.", failed: "It did not work:",
};

async function follow(found) {
  $("present-heading").textContent = found.title;
  $("progress").value = found.state === "done" ? 1 : found.made;
  const left = found.secsLeft === null ? "" : ` About ${found.secsLeft} s left.`;
  const words = WORDS[found.state] ?? `Being made.${left}`;
  $("status").textContent = `${words} ${found.error} Seed ${found.seed}.`;
  const over = ["done", "stopped", "failed"].includes(found.state);
  $("stop").disabled = over;
  if (over) { await refresh(); return; }
  setTimeout(async () => {
    if (job !== found.number) return;
    try { follow(await ask(`jobs/${job}`)); } catch (error) { complain(error); }
  }, 400);
}

function card(clip) {
  const item = document.createElement("li");
  item.className = "card";
  const name = document.createElement("h3");
  name.textContent = clip.name;
  const audio = document.createElement("audio");
  Object.assign(audio, { controls: true, preload: "none", src: `clips/${clip.name}/clip.wav` });
  audio.setAttribute("aria-label", clip.name);
  const links = document.createElement("p");
  links.className = "links";
  for (const kind of ["wav", "flac", "mp3"]) {
    const link = document.createElement("a");
    Object.assign(link, { href: `clips/${clip.name}/clip.${kind}`, download: `${clip.name}.${kind}` });
    link.textContent = kind.toUpperCase();
    link.setAttribute("aria-label", `${clip.name} as ${kind.toUpperCase()}`);
    links.append(link);
  }
  const more = document.createElement("a");
  Object.assign(more, { href: `clips/${clip.name}/sample.html`, target: "_blank" });
  more.textContent = "Picture, settings and command";
  links.append(more);
  item.append(name, audio, links);
  return item;
}

async function refresh() {
  const before = state.systems.length;
  state = await ask("state");
  if (!before) {
    $("system").replaceChildren(...state.systems.map((one) => new Option(one.name)));
    useDefaults();
  }
  $("clips").replaceChildren(...state.clips.map(card));
  $("none").hidden = state.clips.length > 0;
  const chosen = $("kept").value;
  $("kept").replaceChildren(new Option("none", ""), ...state.clips.map((one) => new Option(one.name)));
  $("kept").value = state.clips.some((one) => one.name === chosen) ? chosen : "";
  if (job === null && state.jobs.length) hear(state.jobs[0]);
}

form.addEventListener("input", arrange);
$("system").addEventListener("change", useDefaults);
refresh().catch(complain);
