"""What was derived from what: a graph of millions of nodes that answers in part of a second.

A node is a case, weights, synthetic data, a threshold, a boundary, a text, or whatever else is made
from such; an edge says that one was derived from another. Edges are kept as compressed sparse rows,
both ways, and followed by SciPy's breadth-first search, which is compiled and does not mind depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class BadLineage(LimenError):
    """An edge names a node that is not there, a name is given twice, or something derives from
    itself."""


class Lineage:
    """Nodes and the edges between them; nothing changes after it is made.

    Parameters
    ----------
    names : sequence of str
        One for each node, all different.
    kinds : sequence of str
        One for each node.
    parents, children : sequences of int
        Edge by edge: node ``children[i]`` was derived from node ``parents[i]``. Shape (edges,).

    Raises
    ------
    BadLineage
    """

    def __init__(
        self,
        names: Sequence[str],
        kinds: Sequence[str],
        parents: Sequence[int] | NDArray[np.integer[Any]],
        children: Sequence[int] | NDArray[np.integer[Any]],
    ) -> None:
        import numpy as np
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        self.names, self.kinds = names, kinds
        self._numbers: dict[str, int] | None = None
        n = len(names)
        start = np.asarray(parents, dtype=np.int32)
        end = np.asarray(children, dtype=np.int32)
        if len(kinds) != n or start.shape != end.shape:
            raise BadLineage(
                "a lineage has one kind for each node, and a parent and a child for each edge",
                found=f"{n} nodes, {len(kinds)} kinds, {start.size} parents, {end.size} children",
            )
        if start.size and not (0 <= min(start.min(), end.min()) <= max(start.max(), end.max()) < n):
            raise BadLineage("an edge names a node that is not there", mend="list the node")
        ones = np.ones(start.size, dtype=np.float64)
        self._down = csr_array((ones, (start, end)), shape=(n, n))
        self._up = csr_array((ones, (end, start)), shape=(n, n))
        if n:
            parts, _ = connected_components(self._down, directed=True, connection="strong")
            loops = np.flatnonzero(start == end)
            if parts < n or loops.size:
                raise BadLineage(
                    "something is derived from itself",
                    where=names[int(start[loops[0]])] if loops.size else None,
                    mend="a lineage goes from data to what is made of it, and never back",
                )

    @classmethod
    def from_edges(cls, kinds: dict[str, str], edges: Iterable[tuple[str, str]]) -> Lineage:
        """From names: the kind of each node, and pairs of parent and child.

        Raises
        ------
        BadLineage
            If an edge names a node that has no kind.
        """
        names = list(kinds)
        number = {name: i for i, name in enumerate(names)}
        pairs = list(edges)
        unknown = next((n for pair in pairs for n in pair if n not in number), None)
        if unknown is not None:
            raise BadLineage(
                "an edge names a node that is not there", found=unknown, mend="list the node"
            )
        made = cls(
            names,
            list(kinds.values()),
            [number[a] for a, _ in pairs],
            [number[b] for _, b in pairs],
        )
        made._numbers = number
        return made

    def __len__(self) -> int:
        return len(self.names)

    def number(self, name: str) -> int:
        """Number of a node.

        Raises
        ------
        BadLineage
            If there is none of this name, or two.
        """
        if self._numbers is None:
            self._numbers = {n: i for i, n in enumerate(self.names)}
            if len(self._numbers) != len(self.names):
                raise BadLineage("two nodes have one name", mend="name each node differently")
        if name not in self._numbers:
            raise BadLineage("there is no node of this name", found=name)
        return self._numbers[name]

    def roots(self) -> NDArray[np.intp]:
        """Numbers of the nodes that are derived from nothing, ascending."""
        import numpy as np

        return np.flatnonzero(np.diff(self._up.indptr) == 0)

    def descendants(self, nodes: Iterable[int] | NDArray[np.integer[Any]]) -> NDArray[np.intp]:
        """Numbers of these nodes and of all that was derived from any of them, ascending."""
        import numpy as np

        found, _ = _reached(self._down, nodes)
        return np.sort(found)

    def ways_down(
        self, nodes: Iterable[int] | NDArray[np.integer[Any]]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """These nodes and all derived from them, the nearest first, and the way to each.

        Returns
        -------
        (array, array)
            Numbers, shape (found,); and for every node of the lineage the number of the one
            through which it was reached, shape (nodes,), the number of nodes or negative where it
            was the start or was not reached.
        """
        return _reached(self._down, nodes)

    def ancestors(self, node: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """What a node was derived from, itself included, the nearest first.

        Returns
        -------
        (array, array)
            Numbers of the ancestors, shape (found,); and for every node of the lineage the number
            of the one through which it was reached, shape (nodes,), negative where it was not.
        """
        return _reached(self._up, [node])

    def path(self, through: NDArray[np.intp], node: int, ancestor: int) -> list[int]:
        """From a node up to one of its ancestors, by what :meth:`ancestors` gave; both included."""
        way = [ancestor]
        while way[-1] != node:
            way.append(int(through[way[-1]]))
        return way[::-1]


def _reached(
    graph: Any, nodes: Iterable[int] | NDArray[np.integer[Any]]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Breadth-first from several nodes at once: from a node beyond the last that leads to each."""
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    n = graph.shape[0]
    start = np.unique(np.fromiter(nodes, dtype=np.int32))
    indices = np.concatenate([graph.indices, start])
    indptr = np.concatenate([graph.indptr, [graph.indptr[-1] + start.size]])
    wide = csr_array((np.ones(indices.size), indices, indptr), shape=(n + 1, n + 1))
    order, through = breadth_first_order(wide, n, directed=True, return_predecessors=True)
    return order[1:].astype(np.intp), through[:n].astype(np.intp)
