import pathlib
import sys

# What layers here share with the other layers.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "layers"))
