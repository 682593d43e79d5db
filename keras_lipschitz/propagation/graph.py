"""A Keras model as a flat list of steps, nested models entered."""

import dataclasses
import functools
import inspect
import itertools

import keras


@dataclasses.dataclass(frozen=True)
class Step:
    """One use of one layer.

    Args:
        layer: The Keras layer (or operation).
        name: Where it stands, nested models included: `"encoder/conv"`.
        inputs: Indices of the tensors that it reads.
        outputs: Indices of the tensors that it writes.
        input_shapes: Their shapes, with the batch.
        output_shapes: Likewise.
    """

    layer: object
    name: str
    inputs: tuple
    outputs: tuple
    input_shapes: tuple
    output_shapes: tuple


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """The steps from one input tensor to one output tensor, in order."""

    model: keras.Model
    steps: tuple
    input: int
    output: int
    input_shape: tuple
    output_shape: tuple

    def joined(self, units):
        """The same graph with some of its steps taken together.

        Args:
            units: Pairs of a step and a tuple of the steps, in order, in whose
                place it stands: it writes what the last of them does.

        Returns:
            A `Graph` that knows nothing of the tensors in between.
        """
        inner = {step for _, steps in units for step in steps[:-1]}
        instead = {steps[-1]: unit for unit, steps in units}
        steps = (s for s in self.steps if s not in inner)
        return dataclasses.replace(
            self, steps=tuple(instead.get(s, s) for s in steps)
        )

    def walk(self, transfer, start, skip=None):
        """Carries a value from the input to every tensor of the graph.

        Args:
            transfer: Function `(step, values of its inputs) -> value`.
            start: Value of the input.
            skip: A step to leave out, with what it writes.

        Returns:
            Dict from tensor index to value.
        """
        values = {self.input: start}
        for step in self.steps:
            if step is skip:
                continue
            value = transfer(step, [values[i] for i in step.inputs])
            for output in step.outputs:
                values[output] = value
        return values


def trace(model):
    """Reads the graph of a Functional or Sequential model.

    Args:
        model: A built `keras.Model` with one input and one output.

    Returns:
        A `Graph`. A shared layer appears once for every use.
    """
    _check_model(model)
    steps, number = [], itertools.count()
    start = next(number)
    outputs = _trace(model, (start,), "", steps, number)
    return Graph(
        model=model,
        steps=tuple(steps),
        input=start,
        output=outputs[0],
        input_shape=tuple(model.inputs[0].shape),
        output_shape=tuple(model.outputs[0].shape),
    )


def _trace(model, input_numbers, prefix, steps, number):
    numbers = {
        id(tensor): n
        for tensor, n in zip(model.inputs, input_numbers, strict=True)
    }
    for operation, node in _nodes_in_order(model):
        _check_call(prefix + operation.name, node)
        inputs = tuple(numbers[id(t)] for t in node.input_tensors)
        if isinstance(operation, keras.Model):
            _check_graph_model(operation)
            _check_nested_inputs(prefix + operation.name, operation, node)
            outputs = _trace(
                operation, inputs, f"{prefix}{operation.name}/", steps, number
            )
        else:
            outputs = tuple(next(number) for _ in node.output_tensors)
            steps.append(
                Step(
                    layer=operation,
                    name=prefix + operation.name,
                    inputs=inputs,
                    outputs=outputs,
                    input_shapes=tuple(
                        tuple(t.shape) for t in node.input_tensors
                    ),
                    output_shapes=tuple(
                        tuple(t.shape) for t in node.output_tensors
                    ),
                )
            )
        for tensor, n in zip(node.output_tensors, outputs, strict=True):
            numbers[id(tensor)] = n
    return tuple(numbers[id(t)] for t in model.outputs)


def _nodes_in_order(model):
    """The `(operation, node)` pairs that the outputs need, inputs first."""
    known = {id(t) for t in model.inputs}
    ordered, seen = [], set()
    stack = [(t, False) for t in reversed(model.outputs)]
    while stack:
        tensor, inputs_done = stack.pop()
        if id(tensor) in known:
            continue
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if inputs_done:
            if id(node) not in seen:
                seen.add(id(node))
                ordered.append((operation, node))
            known.update(id(t) for t in node.output_tensors)
            continue
        stack.append((tensor, True))
        stack.extend((t, False) for t in reversed(node.input_tensors))
    return ordered


def _check_model(model):
    if not isinstance(model, keras.Model):
        raise ValueError(
            "Expected a Keras model that ends in logits. Received: "
            f"{model!r} of type {type(model).__name__}"
        )
    _check_graph_model(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            "Expected a model with one input and one output (the logits). "
            f"Received: model {model.name!r} with {len(model.inputs)} inputs "
            f"and {len(model.outputs)} outputs"
        )


def _check_graph_model(model):
    if not model.built:
        raise ValueError(
            f"Expected a built model. Received: model {model.name!r}, which "
            "has no weights yet. Begin it with `keras.Input(shape)`, or call "
            "`model.build(input_shape)` first."
        )
    # Only a model with Keras' own `call` computes what its graph says.
    if type(model).call not in (keras.Sequential.call, _functional().call):
        raise ValueError(
            "Expected a Functional or Sequential model, whose graph of layers "
            f"can be walked. Received: model {model.name!r} of the subclass "
            f"{type(model).__name__}, whose `call` is its own"
        )


@functools.cache
def _functional():
    """The class of functional models, which Keras does not export."""
    x = keras.Input(())
    return type(keras.Model(x, x))


def _check_call(name, node):
    """Refuses what a call passes beside tensors: rules do not see it."""
    arguments = node.arguments
    kwargs = dict(arguments.kwargs)
    if kwargs.pop("training", None) and not _trains_by_default(node.operation):
        raise ValueError(
            f"Layer {name!r} is called with `training=True`, so it behaves at "
            "inference as in training and no bound holds. Call it without "
            "`training`."
        )
    given = keras.tree.flatten((arguments.args, kwargs))
    extra = [
        value
        for value in given
        if not isinstance(value, keras.KerasTensor)
        and value is not None
        and value is not False
    ]
    if extra and isinstance(node.operation, keras.layers.Layer):
        raise ValueError(
            f"Layer {name!r} is called with more than tensors: {extra}. No "
            "bound takes that into account. Give such values to its "
            "constructor."
        )


def _trains_by_default(operation):
    """Whether Keras itself writes `training=True` into a call.

    So it does for image augmentation; a model called with `training=False`
    passes that on all the same.
    """
    parameters = inspect.signature(operation.call).parameters
    return "training" in parameters and parameters["training"].default is True


def _check_nested_inputs(name, model, node):
    """Refuses inputs that Keras would match by name, not by order."""
    given = (*node.arguments.args, *node.arguments.kwargs.values())
    named = [value for value in given if isinstance(value, dict)]
    if len(node.input_tensors) == len(model.inputs) and (
        len(model.inputs) == 1
        or not named
        or (isinstance(model.input, dict) and set(named[0]) == set(model.input))
    ):
        return
    raise ValueError(
        f"Model {name!r} is called with inputs that cannot be matched to its "
        f"own one by one. Expected a list of {len(model.inputs)} tensors, in "
        f"the order of its inputs. Received: {given}"
    )
