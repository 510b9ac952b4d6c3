"""A booster's trees as an ONNX graph, which answers a single row in a tenth of the time. It does not know features.

XGBoost 3 spends half a microsecond on every tree of a call, however shallow it is. A split by a set of categories
becomes a chain of comparisons with one of them each, which the runtime joins again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

_OPSET: Final = 17
_ML_OPSET: Final = 3
_IR_VERSION: Final = 8
_NODE: Final = (
    "treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true",
)  # fmt: skip
_LEAF: Final = ("treeids", "nodeids", "ids", "weights")


class Trees:
    """Trees as they answer, on one thread.

    Args:
        path: What `save` wrote.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def margins(self, rows: np.ndarray) -> np.ndarray:
        """What the trees add up to, float32 [n, k]; rows are float32 [n, columns], NaN where missing."""
        found: np.ndarray = self._session.run(None, {"rows": rows})[0]
        return found


def save(booster: Any, num_classes: int, path: Path) -> None:
    """Write the trees of an `xgboost.Booster` that has one per class and round."""
    from onnx import TensorProto, helper

    nodes: list[tuple[Any, ...]] = []
    leaves: list[tuple[Any, ...]] = []
    for tree, dumped in enumerate(booster.get_dump(dump_format="json")):
        grown, ends = _grown(json.loads(dumped))
        nodes += [(tree, *node) for node in grown]
        leaves += [(tree, node, tree % num_classes, weight) for node, weight in ends]
    ensemble = helper.make_node(
        "TreeEnsembleRegressor", ["rows"], ["margins"], domain="ai.onnx.ml", n_targets=num_classes,
        **_attributes("nodes", _NODE, nodes), **_attributes("target", _LEAF, leaves),
    )  # fmt: skip
    rows, margins = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size])
        for name, size in (("rows", booster.num_features()), ("margins", num_classes))
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
    graph = helper.make_graph([ensemble], "trees", [rows], [margins])
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION).SerializeToString())


def _grown(root: Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], list[tuple[int, float]]]:
    """One tree: its nodes in the order of `_NODE` without the tree, and number and value of its leaves."""
    nodes: list[tuple[Any, ...]] = []
    leaves: list[tuple[int, float]] = []
    known = [root]
    for node in known:  # it grows while it is read
        known += node.get("children", [])
    unused = max(int(node["nodeid"]) for node in known) + 1
    for node in known:
        at = node["nodeid"]
        if "leaf" in node:
            nodes.append((at, 0, "LEAF", 0.0, 0, 0, 0))
            leaves.append((at, float(node["leaf"])))
            continue
        column, yes, no = int(node["split"][1:]), node["yes"], node["no"]
        with_missing, split = int(node["missing"] == yes), node["split_condition"]
        if not isinstance(split, list):
            nodes.append((at, column, "BRANCH_LT", float(split), yes, no, with_missing))
            continue
        chain = [at, *range(unused, unused + len(split) - 1)]
        unused += len(split) - 1
        for link, next_, category in zip(chain, [*chain[1:], no], split, strict=True):
            nodes.append((link, column, "BRANCH_EQ", float(category), yes, next_, with_missing))
    return nodes, leaves


def _attributes(prefix: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {f"{prefix}_{name}": list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
