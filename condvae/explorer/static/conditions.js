// The conditions of images, by the description of the model.

/** The label that a state has, or null for a model without labels. */
export function labelOf(model, label) {
  return model.classes.length ? label : null;
}

/** Attributes with typical values for those that are left out, unless the model can hide them. */
export function filled(model, attributes) {
  return { ...(model.optional ? {} : model.typical), ...attributes };
}
