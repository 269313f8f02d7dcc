// Latent vectors and planes through the latent space: { origin, axes }.

/** The coordinates of a latent vector on a plane. */
export function onto(plane, z) {
  return plane.axes.map((axis) => axis.reduce((sum, part, index) => sum + part * (z[index] - plane.origin[index]), 0));
}

/** The latent vector at a place of a plane. Its coordinates outside the plane are those of z. */
export function from(plane, z, [a, b]) {
  const [p, q] = onto(plane, z);
  return z.map((value, index) => value + (a - p) * plane.axes[0][index] + (b - q) * plane.axes[1][index]);
}

/** Latent vectors on the straight line from one to another, in `steps` steps. */
export function way(start, end, steps) {
  return Array.from({ length: steps + 1 }, (_, step) => start.map((value, index) => value + ((end[index] - value) * step) / steps));
}

/** Standard deviations along the principal axes of a posterior on a plane, and the angle of the first axis. */
export function spread(plane, deviations) {
  const [u, v] = plane.axes;
  const sum = (left, right) => deviations.reduce((total, sd, index) => total + sd * sd * left[index] * right[index], 0);
  const [a, b, c] = [sum(u, u), sum(v, v), sum(u, v)];
  const root = Math.sqrt(((a - b) / 2) ** 2 + c * c);
  return { deviations: [Math.sqrt((a + b) / 2 + root), Math.sqrt(Math.max(0, (a + b) / 2 - root))], turn: Math.atan2(2 * c, a - b) / 2 };
}
