// The codes on the latent map, planes through them, and which latent vectors are near codes of their label.

import { onto } from "../geometry.js";

/** The codes of a page: their means as an array of vectors, their labels, and what the page says of them. */
export class Codes {
  constructor(about, bytes) {
    const { count, latent, scale } = about;
    const means = new Int16Array(bytes, 0, count * latent);
    this.about = about;
    this.means = Array.from({ length: count }, (_, row) => Array.from(means.subarray(row * latent, (row + 1) * latent), (value) => value / scale));
    this.labels = Array.from(new Uint16Array(bytes, 2 * count * latent, count));
    this.references = new Map();
  }

  /** A plane through the latent space: "pca", or two latent dimensions such as "0,1". */
  plane(name) {
    const { usual, planes, latent, classes, of_data, dimensions } = this.about;
    const wanted = name || usual;
    const { origin, axes } = planes[wanted] ?? axesOf(wanted, latent);
    const points = this.means.map((code) => onto({ origin, axes }, code));
    return { name: wanted, origin, axes, points, labels: this.labels, classes, of_data, dimensions };
  }

  /** Whether a latent vector is near codes of a label, -1 for no label. */
  supported(z, label) {
    const { codes, limit } = this.reference(label);
    const { rank } = this.about;
    if (codes.length <= rank) return true;
    const squares = codes.map((code) => code.reduce((sum, value, index) => sum + (value - z[index]) ** 2, 0)).sort((a, b) => a - b);
    return Math.sqrt(squares[rank - 1]) <= limit;
  }

  reference(label) {
    if (!this.references.has(label)) {
      const { most, limits } = this.about;
      const codes = this.means.filter((_, index) => label < 0 || this.labels[index] === label).slice(0, most);
      this.references.set(label, { codes, limit: limits[label] ?? Infinity });
    }
    return this.references.get(label);
  }
}

function axesOf(name, latent) {
  const numbers = name.split(",").map(Number);
  const possible = numbers.every((one) => Number.isInteger(one) && one >= 0 && one < latent);
  if (!possible || numbers.length !== 2 || numbers[0] === numbers[1]) throw new Error(`There is no plane '${name}'.`);
  return { origin: Array(latent).fill(0), axes: numbers.map((number) => Array.from({ length: latent }, (_, index) => Number(index === number))) };
}
