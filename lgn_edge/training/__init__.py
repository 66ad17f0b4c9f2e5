"""Training: data sets, recipes, the loop and checkpoints."""

from lgn_edge.training.checkpoint import load_checkpoint, save_checkpoint
from lgn_edge.training.datasets import Dataset, load_dataset
from lgn_edge.training.loop import TrainResult, plan_training, train
from lgn_edge.training.plan import Plan
from lgn_edge.training.recipe import Recipe, load_recipe, recipe_names
from lgn_edge.training.telemetry import Epoch

__all__ = [
    "Dataset",
    "Epoch",
    "Plan",
    "Recipe",
    "TrainResult",
    "load_checkpoint",
    "load_dataset",
    "load_recipe",
    "plan_training",
    "recipe_names",
    "save_checkpoint",
    "train",
]
