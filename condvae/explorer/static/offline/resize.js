// Resizing as Pillow does it, so that the page prepares pictures as condvae does.
// Planes are { data: Float32Array, height, width }.

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Filters by name: how far they reach, and their weight at a distance. */
const FILTERS = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bicubic: [2, (x) => cubic(Math.abs(x))],
  lanczos: [3, (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

function cubic(x) {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/**
 * Resize a plane. `box` is the part that is kept, [left, top, right, bottom]. Values stay floats, or become whole numbers
 * from 0 to 255 after each direction if `whole` is true.
 */
export function resized(plane, width, height, filter, { box = [0, 0, plane.width, plane.height], whole = false } = {}) {
  const [left, top, right, bottom] = box;
  const across = along(plane, width, filter, [left, right], whole);
  return turned(along(turned(across), height, filter, [top, bottom], whole));
}

/**
 * Resize a plane to whole numbers from 0 to 255, as Pillow does with `reducing_gap`: one that is much larger is first made
 * smaller by whole factors.
 */
export function resizedFast(plane, width, height, filter, gap, box = [0, 0, plane.width, plane.height]) {
  const [left, top, right, bottom] = box;
  const factors = [(right - left) / width, (bottom - top) / height].map((scale) => Math.max(1, Math.trunc(scale / gap)));
  if (Math.max(...factors) === 1) return resized(plane, width, height, filter, { box, whole: true });
  const reach = FILTERS[filter][0] - 0.5;
  const [across, down] = [(reach * (right - left)) / width, (reach * (bottom - top)) / height];
  const part = [Math.max(0, Math.trunc(left - across)), Math.max(0, Math.trunc(top - down)), Math.min(plane.width, Math.ceil(right + across)), Math.min(plane.height, Math.ceil(bottom + down))];
  const inner = box.map((edge, side) => (edge - part[side % 2]) / factors[side % 2]);
  return resized(reduced(plane, factors, part), width, height, filter, { box: inner, whole: true });
}

/** The means of blocks of pixels. Blocks at the right and at the bottom may be smaller. */
function reduced({ data, width }, [wide, high], [left, top, right, bottom]) {
  const size = { height: Math.ceil((bottom - top) / high), width: Math.ceil((right - left) / wide) };
  const found = new Float32Array(size.height * size.width);
  for (let place = 0; place < found.length; place += 1) {
    const [y, x] = [top + Math.floor(place / size.width) * high, left + (place % size.width) * wide];
    const [last, end] = [Math.min(y + high, bottom), Math.min(x + wide, right)];
    let sum = 0;
    for (let row = y; row < last; row += 1) for (let column = x; column < end; column += 1) sum += data[row * width + column];
    found[place] = Math.round(sum / ((last - y) * (end - x)));
  }
  return { data: found, ...size };
}

/** Resize the rows of a plane to a width. */
function along({ data, height, width }, size, filter, [from, to], whole) {
  const found = new Float32Array(height * size);
  const [reach, weight] = FILTERS[filter];
  const scale = (to - from) / size;
  const stretch = Math.max(scale, 1);
  for (let place = 0; place < size; place += 1) {
    const centre = from + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach * stretch + 0.5));
    const last = Math.min(width, Math.trunc(centre + reach * stretch + 0.5));
    const weights = Array.from({ length: last - first }, (_, index) => weight((index + first - centre + 0.5) / stretch));
    const total = weights.reduce((sum, one) => sum + one, 0);
    for (let row = 0; row < height; row += 1) {
      let sum = 0;
      for (let index = 0; index < weights.length; index += 1) sum += weights[index] * data[row * width + first + index];
      const value = sum / total;
      found[row * size + place] = whole ? Math.min(255, Math.max(0, Math.round(value))) : value;
    }
  }
  return { data: found, height, width: size };
}

function turned({ data, height, width }) {
  const found = new Float32Array(data.length);
  for (let row = 0; row < height; row += 1) for (let column = 0; column < width; column += 1) found[column * height + row] = data[row * width + column];
  return { data: found, height: width, width: height };
}
