// A drawn chart as a file. The drawing takes its colours from the theme; a file needs them written out.
const painted = ['fill', 'stroke', 'stroke-width', 'opacity', 'font-size', 'font-family', 'font-weight', 'text-anchor'] as const;

// standalone writes a drawing as SVG that looks the same elsewhere, on the theme's background, with the legend below.
export function standalone(
  svg: SVGSVGElement,
  title: string,
  legend: readonly { name: string; color: string }[],
): { text: string; width: number; height: number } {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const from = [svg, ...svg.querySelectorAll('*')];
  const to = [copy, ...copy.querySelectorAll('*')];
  from.forEach((el, i) => {
    const style = getComputedStyle(el);
    for (const name of painted) {
      const value = style.getPropertyValue(name);
      if (value) to[i]?.setAttribute(name, value);
    }
    to[i]?.removeAttribute('class');
    to[i]?.removeAttribute('style');
  });
  const ns = 'http://www.w3.org/2000/svg';
  const { width, height: plot } = svg.getBoundingClientRect();
  const probe = document.createElement('span');
  svg.parentElement?.append(probe);
  const resolve = (color: string) => {
    probe.style.color = color;
    return getComputedStyle(probe).color;
  };
  const ink = getComputedStyle(probe).color;
  const head = title === '' ? 0 : 28;
  let x = 12;
  let y = head + plot + 20;
  const keys: [SVGRectElement, SVGTextElement][] = legend.map(({ name, color }) => {
    const key = document.createElementNS(ns, 'rect');
    const text = document.createElementNS(ns, 'text');
    const shown = name.length > 60 ? `${name.slice(0, 59)}…` : name;
    const room = shown.length * 7 + 30;
    if (x + room > width && x > 12) {
      x = 12;
      y += 18;
    }
    for (const [n, v] of Object.entries({ x, y: y - 9, width: 10, height: 10, rx: 2, fill: resolve(color) }))
      key.setAttribute(n, String(v));
    for (const [n, v] of Object.entries({ x: x + 14, y, fill: ink, 'font-size': '12px', 'font-family': 'sans-serif' }))
      text.setAttribute(n, String(v));
    text.textContent = shown;
    x += room;
    return [key, text];
  });
  probe.remove();
  const height = legend.length > 0 ? y + 12 : head + plot;
  let back = 'rgb(255, 255, 255)';
  for (let el: Element | null = svg; el; el = el.parentElement) {
    const color = getComputedStyle(el).backgroundColor;
    if (color && !/rgba\(.*, 0\)|transparent/.test(color)) {
      back = color;
      break;
    }
  }
  const root = document.createElementNS(ns, 'svg');
  for (const [n, v] of Object.entries({ xmlns: ns, width, height, viewBox: `0 0 ${width} ${height}` })) root.setAttribute(n, String(v));
  const ground = document.createElementNS(ns, 'rect');
  for (const [n, v] of Object.entries({ width, height, fill: back })) ground.setAttribute(n, String(v));
  root.append(ground);
  if (title !== '') {
    const text = document.createElementNS(ns, 'text');
    for (const [n, v] of Object.entries({
      x: 12,
      y: 20,
      fill: ink,
      'font-size': '15px',
      'font-family': 'sans-serif',
      'font-weight': '600',
    }))
      text.setAttribute(n, String(v));
    text.textContent = title;
    root.append(text);
  }
  copy.setAttribute('y', String(head));
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(plot));
  root.append(copy, ...keys.flat());
  return { text: new XMLSerializer().serializeToString(root), width, height };
}

// png draws an SVG at twice its size.
export async function png(svg: { text: string; width: number; height: number }): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg.text)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = Math.ceil(svg.width * 2);
  canvas.height = Math.ceil(svg.height * 2);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('The browser cannot draw images.');
  context.scale(2, 2);
  context.drawImage(image, 0, 0, svg.width, svg.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The browser cannot write images.'))), 'image/png'),
  );
}
