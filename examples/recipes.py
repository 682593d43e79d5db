"""All recipes of `train_gloro.py`, by name."""

import gloro_recipes
import margin_recipes
import one_lipschitz_recipes

RECIPES = {
    **gloro_recipes.RECIPES,
    **margin_recipes.RECIPES,
    **one_lipschitz_recipes.RECIPES,
}
