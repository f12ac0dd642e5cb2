// Runs in the page: every visible text whose contrast with what is behind it is below WCAG's AA.
export function faint() {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    if (element instanceof SVGElement && !(element instanceof SVGSVGElement)) {
      const box = element.getBBox();
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      let found = null;
      for (const shape of element.ownerSVGElement.querySelectorAll("rect")) {
        const b = shape.getBBox();
        const fill = getComputedStyle(shape).fill;
        if (fill !== "none" && b.x <= x && x <= b.x + b.width && b.y <= y && y <= b.y + b.height) found = fill;
      }
      if (found) return parse(found);
    }
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  let looked = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest("script, style, title, desc, .vh, .skip")) continue;
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = parse(element instanceof SVGElement ? style.fill : style.color);
    const value = ratio(ink, behind(element));
    looked += 1;
    if (value < 4.5) found.push(`${value.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
  }
  return { looked, found };
}
