// The page's part of the 3D view: 3Dmol.js draws one model, or the frames of a film one after the other.
const FRAME = 140; // ms that a frame of the film stays
const SMALLEST = 3; // angstrom: a lone atom does not fill the view
const HALF_VIEW = (Math.PI / 180) * 10; // 3Dmol's camera sees 20 degrees
const CAMERA = 150; // where it stands
const SPEED = 0.024; // degrees in a ms

export default function ({ data, parentElement }) {
  const find = (selector) => parentElement.querySelector(selector);
  const stage = find(".stage");
  stage.style.height = data.height + "px";
  stage.ariaLabel = data.name;
  if (!stage.seen) {
    try {
      stage.seen = { viewer: createViewer(stage, { backgroundColor: "white", disableFog: true }), name: null };
    } catch {
      stage.textContent = data.words.lacking;
      stage.classList.add("lacking");
      for (const part of [".film", ".turn"]) find(part).hidden = true;
      return;
    }
    new ResizeObserver(() => stage.seen.viewer.resize()).observe(stage);
  }
  const seen = stage.seen;
  const [button, slider, count, turn] = [".play", ".film input", ".count", ".turn"].map(find);
  const last = data.models.length - 1;
  const fresh = seen.name !== data.name;
  if (fresh) Object.assign(seen, { name: data.name, reach: SMALLEST, first: true });

  const show = (at) => {
    seen.at = at;
    draw(seen, data.models[at], data.format);
    slider.value = at + 1;
    slider.ariaLabel = data.words.frame;
    count.textContent = `${at + 1} / ${last + 1}`;
  };
  const stop = () => {
    clearInterval(seen.timer);
    seen.timer = null;
    button.textContent = "▶ " + data.words.play;
  };
  const play = () => {
    stop();
    button.textContent = "❚❚ " + data.words.pause;
    show(0);
    seen.timer = setInterval(() => (!stage.isConnected || seen.at >= last ? stop() : show(seen.at + 1)), FRAME);
  };
  const spin = (on) => {
    turn.ariaPressed = String((seen.turning = on));
    if (on) requestAnimationFrame((now) => turnOn(stage, seen, now));
  };

  find(".film").hidden = last === 0;
  slider.max = last + 1;
  slider.oninput = () => { stop(); show(slider.value - 1); };
  button.onclick = () => (seen.timer ? stop() : play());
  turn.title = turn.ariaLabel = data.words.turn;
  turn.onclick = () => spin(turn.ariaPressed !== "true");
  if (fresh) spin(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  if (fresh || !seen.timer) {
    stop();
    if (fresh && data.play && last) play();
    else show(last);
  }
}

// Turns the view by the time that has passed, as often as the machine manages and not while it is hidden.
function turnOn(stage, seen, before) {
  const next = (now) => {
    if (!seen.turning || !stage.isConnected) return;
    if (stage.checkVisibility()) seen.viewer.rotate(Math.min((now - before) * SPEED, 10), "y");
    turnOn(stage, seen, now);
  };
  setTimeout(() => requestAnimationFrame(next), 30);
}

// The eight corners of a crystal's cell.
function corners(model) {
  const e = model.getCrystData().matrix.elements; // by columns, which are the vectors of the cell
  return [0, 1, 2, 3, 4, 5, 6, 7].map((n) => {
    const at = (row) => e[row] * (n & 1) + e[row + 3] * ((n >> 1) & 1) + e[row + 6] * (n >> 2);
    return { x: at(0), y: at(1), z: at(2) };
  });
}

// Replaces what is seen by one model. The camera only ever steps back, so that a film does not jump.
function draw(seen, text, format) {
  const { viewer } = seen;
  const view = viewer.getView();
  if (seen.model && format === "cif") viewer.removeUnitCell(seen.model);
  viewer.removeAllModels();
  const model = (seen.model = viewer.addModel(text, format, { keepH: true }));
  if (format === "cif") {
    viewer.addUnitCell(model, { box: { color: "#777" }, alabel: "a", blabel: "b", clabel: "c" });
    viewer.replicateUnitCell(1, 1, 1, model, true);
  }
  const colours = format === "cif" ? { colorscheme: "Jmol" } : {}; // which knows metals too
  viewer.setStyle({}, { stick: { radius: 0.12, ...colours }, sphere: { scale: 0.25, ...colours } });
  const atoms = model.selectedAtoms({});
  const points = format === "cif" ? [...atoms, ...corners(model)] : atoms;
  const middle = ["x", "y", "z"].map((k) => points.reduce((sum, a) => sum + a[k], 0) / (points.length || 1));
  const far = Math.max(...points.map((a) => Math.hypot(a.x - middle[0], a.y - middle[1], a.z - middle[2])), 0);
  seen.reach = Math.max(seen.reach, far + 1.2);
  const turned = seen.first ? [0, 0, 0, 1] : view.slice(4, 8);
  seen.first = false;
  viewer.setView([...middle.map((m) => -m), CAMERA - seen.reach / Math.tan(HALF_VIEW), ...turned]);
  viewer.setSlab(-4 * seen.reach, 4 * seen.reach);
  viewer.render();
}
