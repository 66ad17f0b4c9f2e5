"""Training: data sets, recipes, the loop and checkpoints."""

from lgn_edge.nn.choice import LearnedAlignedWiring, LearnedWiring
from lgn_edge.nn.encoder import EncoderRecipe
from lgn_edge.nn.layers import DenseRecipe, HeadRecipe
from lgn_edge.nn.lookup import LookupRecipe
from lgn_edge.nn.wiring import AlignedWiring, RandomWiring, UniqueWiring
from lgn_edge.training.checkpoint import load_checkpoint, save_checkpoint
from lgn_edge.training.datasets import DataRecipe, Dataset, load_dataset
from lgn_edge.training.loop import TrainResult, plan_training, train
from lgn_edge.training.plan import Plan
from lgn_edge.training.recipe import Recipe, TrainingRecipe, load_recipe, recipe_names
from lgn_edge.training.telemetry import Epoch

__all__ = [
    "AlignedWiring",
    "DataRecipe",
    "Dataset",
    "DenseRecipe",
    "EncoderRecipe",
    "Epoch",
    "HeadRecipe",
    "LearnedAlignedWiring",
    "LearnedWiring",
    "LookupRecipe",
    "Plan",
    "RandomWiring",
    "Recipe",
    "TrainResult",
    "TrainingRecipe",
    "UniqueWiring",
    "load_checkpoint",
    "load_dataset",
    "load_recipe",
    "plan_training",
    "recipe_names",
    "save_checkpoint",
    "train",
]
