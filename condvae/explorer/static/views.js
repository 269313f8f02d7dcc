// The views in the order of their tabs. A new view is one file and two lines here.
// Each exports its texts, with "title" for its tab, and `mount`, which fills its panel.

import * as animate from "./animate.js";
import * as compare from "./compare.js";
import * as evidence from "./evidence.js";
import * as generate from "./generate.js";
import * as plane from "./plane.js";
import * as restyle from "./restyle.js";

export const views = { generate, plane, compare, restyle, animate, evidence };
