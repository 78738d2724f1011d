// The page's part of the before/after slider: two pictures, and a third laid over the second with a slider for its opacity.
export default function ({ data, parentElement }) {
  const find = (selector) => parentElement.querySelector(selector);
  find(".before").src = data.before;
  find(".after").src = data.after;
  find(".map").src = data.map || "";
  find(".opacity").hidden = !data.map;
  find(".opacity span").textContent = data.label;
  for (const side of ["before", "after"]) find(`figcaption.${side}-name`).textContent = data[side + "Name"];
  const input = find(".opacity input");
  const paint = () => { find(".map").style.opacity = input.value / 100; };
  input.oninput = paint;
  paint();
}
