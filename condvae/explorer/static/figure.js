// What a view shows as one picture: panels beside each other, each a grid of canvases with their titles.

const SIDE = 96; // pixels of the longer side of a tile, unless its panel says otherwise
const GAP = 12; // pixels around tiles
const LINE = 18; // pixels of a line of text
const FONT = "13px system-ui, sans-serif";

/**
 * Pictures and texts with their places: panels are { title, columns, side, tiles: [{ canvas, title }], legend: [{ colour,
 * text }] }.
 */
function layout(panels) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = FONT;
  const [pictures, texts] = [[], []];
  let [x, height] = [GAP, 0];
  for (const { title = "", columns = 8, side = SIDE, tiles, legend = [] } of panels.filter((panel) => panel.tiles.length)) {
    const longest = Math.max(side, ...tiles.map((tile) => pen.measureText(tile.title ?? "").width));
    const step = [longest + GAP, side + GAP + (tiles.some((tile) => tile.title) ? LINE : 0)];
    const top = GAP + (title ? LINE : 0);
    if (title) texts.push({ text: title, x, y: GAP + LINE - 6 });
    tiles.forEach(({ canvas, title: name }, index) => {
      const [left, above] = [x + (index % columns) * step[0], top + Math.floor(index / columns) * step[1]];
      const scale = side / Math.max(canvas.width, canvas.height);
      if (name) texts.push({ text: name, x: left, y: above + LINE - 6 });
      pictures.push({ canvas, x: left, y: above + (name ? LINE : 0), width: canvas.width * scale, height: canvas.height * scale });
    });
    const shown = Math.min(columns, tiles.length);
    const below = top + Math.ceil(tiles.length / columns) * step[1];
    legend.forEach(({ colour, text }, index) => texts.push({ text: `● ${text}`, colour, x, y: below + (index + 1) * LINE }));
    height = Math.max(height, below + legend.length * LINE + (legend.length ? GAP : 0));
    x += Math.max(shown * step[0], pen.measureText(title).width + GAP);
  }
  return { pictures, texts, width: Math.ceil(x), height: Math.ceil(height) };
}

async function png(panels) {
  const { pictures, texts, width, height } = layout(panels);
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
  const pen = canvas.getContext("2d");
  pen.scale(2, 2);
  const { color, backgroundColor } = getComputedStyle(document.body);
  pen.fillStyle = backgroundColor;
  pen.fillRect(0, 0, width, height);
  for (const one of pictures) {
    pen.imageSmoothingEnabled = one.canvas.width > one.width;
    pen.drawImage(one.canvas, one.x, one.y, one.width, one.height);
  }
  pen.font = FONT;
  for (const { text, x, y, colour = color } of texts) {
    pen.fillStyle = colour;
    pen.fillText(text, x, y);
  }
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function svg(panels) {
  const { pictures, texts, width, height } = layout(panels);
  const { color, backgroundColor } = getComputedStyle(document.body);
  const safe = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const parts = [
    ...pictures.map(({ canvas, ...place }) => `<image x="${place.x}" y="${place.y}" width="${place.width}" height="${place.height}" style="image-rendering:pixelated" href="${canvas.toDataURL("image/png")}"/>`),
    ...texts.map(({ text, x, y, colour = color }) => `<text x="${x}" y="${y}" fill="${colour}">${safe(text)}</text>`),
  ];
  const head = `<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" style="font:${FONT}">`;
  return new Blob([`${head}\n<rect width="100%" height="100%" fill="${backgroundColor}"/>\n${parts.join("\n")}\n</svg>\n`], { type: "image/svg+xml" });
}

/** The formats of a figure: functions from panels to a Blob. */
export const FORMATS = { PNG: png, SVG: svg };
