"""The names of the figures that are measured after each epoch, as in metrics.csv, and their titles."""

MONITORED = "val_bound"  # the bound of the validation images, with the KL term at its full weight
SHOWN = {"test_mse": "test MSE", MONITORED: "validation bound", "val_mse": "validation MSE"}
