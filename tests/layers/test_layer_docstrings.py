"""The `>>>` examples of every public layer run as they stand."""

import doctest
import inspect
import re

import keras
import pytest

import keras_lipschitz
from keras_lipschitz import layers

CLASSES = [c for c in vars(layers).values() if inspect.isclass(c)]


class Checker(doctest.OutputChecker):
    """Takes a backend's type of shapes for a tuple."""

    def check_output(self, want, got, optionflags):
        got = re.sub(r"(?:TensorShape|torch\.Size)\(\[(.*?)\]\)", r"(\1)", got)
        return super().check_output(want, got, optionflags)


@pytest.mark.parametrize("layer_class", CLASSES)
def test_examples(layer_class):
    names = {"keras": keras, "keras_lipschitz": keras_lipschitz}
    runner = doctest.DocTestRunner(Checker(), verbose=False)
    text = inspect.getdoc(layer_class)
    example = doctest.DocTestParser().get_doctest(
        text, names, layer_class.__name__, None, 0
    )
    problems = []
    runner.run(example, out=problems.append)
    assert not problems, "".join(problems)


@pytest.mark.parametrize("layer_class", CLASSES)
def test_docstring_has_its_sections(layer_class):
    text = inspect.getdoc(layer_class)
    assert len(text.splitlines()[0]) < 80
    if issubclass(layer_class, keras.layers.Layer):
        for section in ("Args:", "Input shape:", "Output shape:", "Example:"):
            assert section in text
