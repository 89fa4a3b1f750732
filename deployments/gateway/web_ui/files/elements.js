// Elements of the page: find them, make them, say something.

export const at = (id) => document.getElementById(id);
export const percent = (confidence) => `${Math.round(confidence * 100)} %`;

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function makeSvg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export function say(text, kind = "", place = "message") {
  at(place).textContent = text;
  at(place).className = `message ${kind}`;
}

export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
