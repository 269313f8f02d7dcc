// Python code that draws the figure of a view. It uses public names of condvae only.

import { filled } from "./conditions.js";

/** A value as Python writes it. */
export function literal(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${literal(name)}: ${literal(one)}`).join(", ")}}`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** An expression for the images of labels at latent vectors, from expressions for both. */
export function generate(model, state, label, z) {
  const attributes = filled(model, state.attributes);
  const given = [...(label === "None" ? [] : [label]), ...(Object.keys(attributes).length ? [`attributes=${literal(attributes)}`] : []), `z=${z}`];
  return `condvae.generate(${["model", ...given].join(", ")})`;
}

/**
 * A script that loads the model and writes a figure to a file: the lines in between, the expression for the figure, the
 * name of the file, and the lines that import libraries.
 */
export function script(model, { lines, figure, file, imports = [] }) {
  return [
    "from pathlib import Path", "", ...imports, ...(imports.length ? [""] : []), "import condvae", "",
    `model = condvae.load(${literal(model.run)})`, ...lines, `figure = ${figure}`, `condvae.save_figure(figure, Path(${literal(file)}))`, "",
  ].join("\n");
}
