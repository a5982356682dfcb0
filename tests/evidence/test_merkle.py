"""The Merkle tree, against Certificate Transparency's own vectors and the RFC's definition.

Leaves, roots, paths and proofs below are the known answers of
google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc (leaf numbers there start at 1).
"""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limen.evidence.merkle import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [
    bytes.fromhex(h)
    for h in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
D = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
E = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
PATHS = [
    (0, 1, []),
    (0, 8, [A, B, C]),
    (5, 8, [D, E, ROOTS[4]]),
    (2, 3, [ROOTS[2]]),
    (1, 5, [ROOTS[1], B, D]),
]
PROOFS = [
    (1, 1, []),
    (1, 8, [A, B, C]),
    (6, 8, [F, E, ROOTS[4]]),
    (2, 5, [B, D]),
]


def tree(count: int = 8) -> Tree:
    return Tree(leaf_hash(d) for d in LEAVES[:count])


# --- a second implementation: the recursive definitions of RFC 6962, 2.1 to 2.1.2 -------------


def _h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _k(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: list[bytes]) -> bytes:
    if not d:
        return _h(b"")
    if len(d) == 1:
        return _h(b"\0" + d[0])
    return _h(b"\1" + mth(d[: _k(len(d))]) + mth(d[_k(len(d)) :]))


def path(m: int, d: list[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = _k(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: list[bytes], whole: bool) -> list[bytes]:
    if m == len(d):
        return [] if whole else [mth(d)]
    k = _k(len(d))
    if m <= k:
        return [*subproof(m, d[:k], whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


# --- known answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    frontier = Frontier()
    for d in LEAVES[:size]:
        frontier.append(leaf_hash(d))
    assert frontier.root().hex() == ROOTS[size]
    assert tree(size).root().hex() == ROOTS[size]
    assert tree().root(size).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "wanted"), PATHS)
def test_inclusion_proofs_are_the_published_ones(index: int, size: int, wanted: list[str]) -> None:
    proof = tree().inclusion_proof(index, size)
    assert [p.hex() for p in proof] == wanted
    root = bytes.fromhex(ROOTS[size])
    assert verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, root)


@pytest.mark.parametrize(("old", "size", "wanted"), PROOFS)
def test_consistency_proofs_are_the_published_ones(old: int, size: int, wanted: list[str]) -> None:
    proof = tree().consistency_proof(old, size)
    assert [p.hex() for p in proof] == wanted
    roots = bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[size])
    assert verify_consistency(old, size, proof, *roots)


# --- against the recursive definition, every size -----------------------------------------------


def test_every_root_path_and_proof_up_to_40_leaves_is_the_definitions() -> None:
    data = [bytes([i]) * (i % 5) for i in range(40)]
    whole = Tree(leaf_hash(d) for d in data)
    frontier = Frontier()
    for size in range(1, 41):
        frontier.append(leaf_hash(data[size - 1]))
        root = mth(data[:size])
        assert frontier.root() == whole.root(size) == root
        for index in range(size):
            proof = path(index, data[:size])
            assert whole.inclusion_proof(index, size) == proof
            assert verify_inclusion(leaf_hash(data[index]), index, size, proof, root)
        for old in range(1, size + 1):
            proof = subproof(old, data[:size], True)
            assert whole.consistency_proof(old, size) == proof
            assert verify_consistency(old, size, proof, mth(data[:old]), root)


@given(st.lists(st.binary(max_size=8), max_size=200))
def test_the_frontier_knows_the_root_of_any_log(data: list[bytes]) -> None:
    frontier = Frontier()
    for d in data:
        frontier.append(leaf_hash(d))
    assert frontier.root() == mth(data)
    assert frontier.size == len(data)


# --- what is no proof ---------------------------------------------------------------------------


def spoilt(proof: list[bytes]) -> list[list[bytes]]:
    """Every way of the CT verifier tests to make a proof wrong."""
    return [
        *([*proof[:i], EMPTY_ROOT, *proof[i + 1 :]] for i in range(len(proof))),
        *([*proof[:i], bytes([p[0] ^ 1]) + p[1:], *proof[i + 1 :]] for i, p in enumerate(proof)),
        [*proof, b""],
        [*proof, EMPTY_ROOT],
        [b"", *proof],
        [EMPTY_ROOT, *proof],
        proof[:-1] or [b"x" * 32],
    ]


@pytest.mark.parametrize("size", range(1, 9))
def test_a_wrong_inclusion_proof_is_none(size: int) -> None:
    root = tree().root(size)
    for index in range(size):
        leaf, proof = leaf_hash(LEAVES[index]), tree().inclusion_proof(index, size)
        assert verify_inclusion(leaf, index, size, proof, root)
        for wrong in (index - 1, index + 1, index ^ 2, -1, size):
            assert not verify_inclusion(leaf, wrong, size, proof, root)
        for wrong in (size * 2, size // 2, 0):
            # a path says which turns it takes, so only sizes of another shape can be told
            if size > 1:
                assert not verify_inclusion(leaf, index, wrong, proof, root)
        assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, root)
        assert not verify_inclusion(leaf, index, size, proof, EMPTY_ROOT)
        for bad in spoilt(proof):
            assert not verify_inclusion(leaf, index, size, bad, root)


@pytest.mark.parametrize("size", range(2, 9))
def test_a_wrong_consistency_proof_is_none(size: int) -> None:
    root = tree().root(size)
    for old in range(1, size):
        old_root, proof = tree().root(old), tree().consistency_proof(old, size)
        assert verify_consistency(old, size, proof, old_root, root)
        assert not verify_consistency(old, size, proof, root, old_root)
        assert not verify_consistency(old, size, proof, EMPTY_ROOT, root)
        assert not verify_consistency(old, size, proof, old_root, EMPTY_ROOT)
        assert not verify_consistency(old - 1, size, proof, old_root, root)
        assert not verify_consistency(old + 1, size, proof, old_root, root)
        assert not verify_consistency(old, size * 2, proof, old_root, root)
        assert not verify_consistency(size, old, proof, root, old_root)
        assert not verify_consistency(old, size, [], old_root, root)
        for bad in spoilt(proof):
            assert not verify_consistency(old, size, bad, old_root, root)


def test_consistency_of_the_empty_tree() -> None:
    assert verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert verify_consistency(0, 8, [], EMPTY_ROOT, tree().root())
    assert not verify_consistency(0, 8, [], tree().root(), tree().root())
    assert not verify_consistency(0, 8, [EMPTY_ROOT], EMPTY_ROOT, tree().root())
    assert not verify_consistency(0, 0, [], b"x" * 32, b"x" * 32)


def test_a_leaf_is_no_node() -> None:
    """Different prefixes: two hashes as a leaf are not the node above them (second preimage)."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize("call", ["inclusion_proof", "consistency_proof"])
def test_proofs_beyond_the_tree_are_refused(call: str) -> None:
    with pytest.raises(IndexError):
        getattr(tree(), call)(9)
    with pytest.raises(IndexError):
        getattr(tree(), call)(0, 9)
    with pytest.raises(IndexError):
        getattr(tree(), call)(-1)
