"""Merkle trees over a log, as of RFC 6962, section 2.1 (unchanged in RFC 9162).

A leaf is hashed as SHA-256(0x00 | leaf), an inner node as SHA-256(0x01 | left | right); the tree
over n leaves splits at the largest power of two below n. :class:`Frontier` is for appending,
:class:`Tree` for proofs, and the two ``verify_`` functions are for whoever holds a root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf's content, 32 bytes."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node from those of its two children, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: all that is needed to append and to know the root.

    Appending hashes one inner node on average and log2(n) at most; memory is log2(n) hashes.
    """

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # roots of the perfect subtrees, the largest first

    def append(self, hash_of_leaf: bytes) -> None:
        peaks, above, node = self._peaks, self.size, hash_of_leaf
        while above & 1:
            node = sha256(b"\x01" + peaks.pop() + node).digest()
            above >>= 1
        peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Root of the tree over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


class Tree:
    """A whole tree in memory (64 bytes a leaf), for proofs about any of its earlier sizes.

    Parameters
    ----------
    hashes : iterable of bytes
        The leaf hashes, in order.
    """

    def __init__(self, hashes: Iterable[bytes]) -> None:
        level = list(hashes)
        self.size = len(level)
        # of each level, the nodes whose subtree is perfect
        self._levels = [level]
        while len(level) > 1:
            level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
            self._levels.append(level)

    def root(self, size: int | None = None) -> bytes:
        """Root over the first ``size`` leaves; all by default."""
        size = self.size if size is None else size
        self._require_size(size)
        return EMPTY_ROOT if size == 0 else self._range(0, size)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Audit path of leaf ``index`` (from 0) in the tree over ``size`` leaves (2.1.1)."""
        size = self.size if size is None else size
        self._require_size(size)
        if not 0 <= index < size:
            raise IndexError(f"leaf {index} of a tree with {size} leaves")
        path = []
        start, end = 0, size
        while end - start > 1:
            split = start + _split(end - start)
            if index < split:
                path.append(self._range(split, end))
                end = split
            else:
                path.append(self._range(start, split))
                start = split
        return path[::-1]

    def consistency_proof(self, old: int, size: int | None = None) -> list[bytes]:
        """Proof that the tree over ``old`` leaves is the beginning of that over ``size`` (2.1.2).

        Empty for ``old`` 0 and for two equal sizes, where there is nothing to prove.
        """
        size = self.size if size is None else size
        self._require_size(size)
        if not 0 <= old <= size:
            raise IndexError(f"{old} leaves are not the beginning of {size}")
        if old in (0, size):
            return []
        proof = []
        start, end = 0, size
        while old != end:
            split = start + _split(end - start)
            if old <= split:
                proof.append(self._range(split, end))
                end = split
            else:
                proof.append(self._range(start, split))
                start = split
        if start:  # the old tree is no perfect left part: its last subtree's root is needed too
            proof.append(self._range(start, end))
        return proof[::-1]

    def _require_size(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise IndexError(f"a size of {size} of a tree with {self.size} leaves")

    def _range(self, start: int, end: int) -> bytes:
        """Root over leaves start to end, where start is a multiple of the split that made it."""
        count = end - start
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            return self._levels[level][start >> level]
        split = start + _split(count)
        return node_hash(self._range(start, split), self._range(split, end))


def verify_inclusion(
    hash_of_leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether the proof shows that the leaf stands at ``index`` under ``root`` (RFC 9162, 2.1.3.2).

    Needs nothing but its arguments; wrong lengths and indices are answered with False.
    """
    if not 0 <= index < size or any(len(p) != 32 for p in proof):
        return False
    node, last, here = hash_of_leaf, size - 1, index
    for sibling in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            node = node_hash(sibling, node)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(
    old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes
) -> bool:
    """Whether the tree of ``old`` leaves is the beginning of that of ``size`` (RFC 9162, 2.1.4.2).

    Of an empty old tree there is nothing to prove: the proof has to be empty and the old root
    that of no leaves.
    """
    if not 0 <= old <= size or any(len(p) != 32 for p in proof):
        return False
    if old == size:
        return not proof and old_root == root and (size > 0 or root == EMPTY_ROOT)
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    nodes = list(proof)
    if old & (old - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        return False
    here, last = old - 1, size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old_node = node = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old_node, node = node_hash(sibling, old_node), node_hash(sibling, node)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and old_node == old_root and node == root


def _split(count: int) -> int:
    """The largest power of two below ``count``, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)
