// Animated GIFs, by modern-gif.

import "./vendor/modern-gif.js";

/** An animated GIF that repeats forever: images as { pixels, shape }, images per second, and how many times larger. */
export async function gif({ pixels, shape: [count, channels, height, width] }, rate, enlarged) {
  const [wide, high] = [width * enlarged, height * enlarged];
  const area = height * width;
  const delay = Math.max(20, Math.round(100 / rate) * 10); // durations in a GIF are multiples of 10 ms
  const frames = Array.from({ length: count }, (_, image) => {
    const data = new Uint8ClampedArray(4 * wide * high).fill(255);
    for (let y = 0; y < high; y += 1) for (let x = 0; x < wide; x += 1) {
      const from = image * channels * area + Math.floor(y / enlarged) * width + Math.floor(x / enlarged);
      for (let channel = 0; channel < 3; channel += 1) data[4 * (y * wide + x) + channel] = pixels[from + (channels === 1 ? 0 : channel * area)];
    }
    return { data, delay };
  });
  const bytes = await globalThis.modernGif.encode({ width: wide, height: high, frames, looped: true, maxColors: 255 });
  return new Blob([bytes], { type: "image/gif" });
}
