// The operations of a trained model, in the browser. A row is the conditions of one image, numbers by name.
// The graphs are those of condvae/export/graphs.py, and images are uint8.

const CHUNK = 250; // images that a graph has at once
const NOT_GIVEN = -1; // the number of a class that is not given

export class Model {
  /** `about` is the description of the page, and `graphs` are functions from runtime.js by name. */
  constructor(about, graphs) {
    this.about = about;
    this.graphs = graphs;
    const label = about.classes.length ? [{ name: "label", classes: about.classes }] : [];
    this.variables = [...label, ...about.attributes];
  }

  /** The rows of one label or several (by name or number, null for none), all with the same attributes. */
  rows(label, attributes) {
    const labels = Array.isArray(label) ? label : [label];
    return labels.map((one) => Object.fromEntries(this.variables.map((variable) => {
      const given = variable.name === "label" ? one : attributes[variable.name];
      return [variable.name, numberOf(variable, given ?? null)];
    })));
  }

  /** Condition vectors of rows, one after another. */
  async vectors(rows) {
    if (!this.variables.length) return new Float32Array(0);
    const key = JSON.stringify(rows);
    if (key !== this.last?.key) this.last = { key, y: (await this.graphs.condition(this.inputs(rows))).y.data }; // z changes more often
    return this.last.y;
  }

  /** Images at latent vectors, given one after another, with as many condition vectors. */
  async images(z, y) {
    const { latent, shape } = this.about;
    const count = z.length / latent;
    const width = y.length / count;
    const pixels = new Uint8Array(count * shape.reduce((product, side) => product * side, 1));
    for (let start = 0; start < count; start += CHUNK) {
      const end = Math.min(count, start + CHUNK);
      const conditions = width ? { y: floats(y.slice(start * width, end * width), [end - start, width]) } : {};
      const found = await this.graphs.decode({ z: floats(z.slice(start * latent, end * latent), [end - start, latent]), ...conditions });
      pixels.set(found.images.data, (start * pixels.length) / count);
    }
    return { pixels, shape: [count, ...shape] };
  }

  /** Where images are encoded with their rows: means and standard deviations, one after another. */
  async encoded(pixels, rows) {
    const { mean, stddev } = await this.graphs.encode({ images: this.batch(pixels, rows.length), ...this.inputs(rows) });
    return { mean: mean.data, deviation: stddev.data };
  }

  /** A latent vector from the mixture that is fitted to the codes, from noise and a number from 0 to below 1. */
  async mixture(noise, uniform, row) {
    const given = { noise: floats(noise, [1, noise.length]), uniform: floats([uniform], [1]), ...this.inputs([row]) };
    return Array.from((await this.graphs.vectors(given)).z.data);
  }

  /** The class that the classifier finds most probable, or that reconstructs the image best if there is none. */
  async detected(pixels, attributes) {
    const { classes, has_judge: hasJudge } = this.about;
    if (hasJudge) return largest((await this.graphs.classify({ images: this.batch(pixels, 1) })).probabilities.data);
    const rows = this.rows(classes, attributes);
    const repeated = new Uint8Array(pixels.length * rows.length);
    rows.forEach((_, index) => repeated.set(pixels, index * pixels.length));
    const { mean } = await this.encoded(repeated, rows);
    const { pixels: found } = await this.images(mean, await this.vectors(rows));
    const errors = rows.map((_, index) => pixels.reduce((sum, value, place) => sum + (value - found[index * pixels.length + place]) ** 2, 0));
    return largest(errors.map((error) => -error));
  }

  /** Slant, thickness, ink and width of an image, by name. */
  async measures(pixels) {
    const { values } = await this.graphs.measure({ images: this.batch(pixels, 1) });
    return Object.fromEntries(this.about.measured.map((name, index) => [name, values.data[index]]));
  }

  /** Rows as the inputs of a graph. */
  inputs(rows) {
    return Object.fromEntries(this.variables.map(({ name, classes }) => {
      const values = rows.map((row) => row[name]);
      return [name, classes.length
        ? { type: "int64", data: BigInt64Array.from(values, BigInt), dims: [rows.length] }
        : floats(values, [rows.length])];
    }));
  }

  batch(pixels, count) {
    return { type: "uint8", data: pixels, dims: [count, ...this.about.shape] };
  }
}

/** The number of a class, or of a value as it is. A value that is not given is null. */
function numberOf({ name, classes }, value) {
  if (value === null) return classes.length ? NOT_GIVEN : NaN;
  if (!classes.length) return Number(value);
  const number = typeof value === "number" ? value : classes.indexOf(value);
  if (!(number in classes)) throw new Error(`There is no ${name} '${value}'. Choose from: ${classes.slice(0, 20).join(", ")}.`);
  return number;
}

function floats(values, dims) {
  return { type: "float32", data: Float32Array.from(values), dims };
}

function largest(values) {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}
