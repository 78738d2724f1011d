// The page's part of the gallery: a button a card; the chosen one is pressed.
export default function ({ data, parentElement, setTriggerValue }) {
  const make = (tag, kind, text = "") => Object.assign(document.createElement(tag), { className: kind, textContent: text });
  const cards = data.cards.map((card) => {
    const button = make("button", "card");
    button.type = "button";
    button.ariaPressed = String(card.id === data.chosen);
    button.onclick = () => setTriggerValue("picked", card.id);
    const image = make("img", "");
    image.alt = card.note;
    if (card.picture) image.src = card.picture;
    const head = make("span", "head");
    head.append(make("strong", "", card.title), make("span", `mark ${card.mark}`, card.word));
    button.append(image, head, make("span", "note", card.note));
    return button;
  });
  parentElement.querySelector(".grid").replaceChildren(...cards);
}
