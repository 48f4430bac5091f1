"""PCA, whitening and LDA against scikit-learn; moments that merge in any order; projections that are kept."""

import io
import itertools
import zipfile

import numpy as np
import pytest

from scanmill.algorithms.features import CohortMoments, Projection, lda, pca, whitening
from scanmill.errors import InputError

decomposition = pytest.importorskip("sklearn.decomposition", reason="scikit-learn is not installed")
discriminant = pytest.importorskip("sklearn.discriminant_analysis", reason="scikit-learn is not installed")

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(6, 6))
X = RNG.normal(size=(90, 6)) @ MIX + 1e3
WORDS = np.repeat(["b", "a", "c"], 30)
Y = X + np.repeat([[0.0], [2.0], [5.0]], 30, axis=0) * MIX[0]


def same_up_to_sign(a, b, **kinds):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one * np.sign(one @ other), other, **kinds)


def test_pca_as_scikit_learn():
    ours = pca(CohortMoments.of(X), 4)
    theirs = decomposition.PCA(4).fit(X)
    same_up_to_sign(ours.matrix, theirs.components_, atol=1e-8)
    np.testing.assert_allclose(ours.values, theirs.explained_variance_)
    np.testing.assert_allclose(abs(ours(X)), abs(theirs.transform(X)), atol=1e-7)
    white = pca(CohortMoments.of(X), 4, whiten=True)(X)
    np.testing.assert_allclose(abs(white), abs(decomposition.PCA(4, whiten=True).fit_transform(X)), atol=1e-7)


def test_labels_do_not_change_the_principal_components():
    np.testing.assert_allclose(pca(CohortMoments.of(Y, WORDS)).values, pca(CohortMoments.of(Y)).values)


def test_directions_without_variance_are_left_out():
    flat = np.concatenate([X[:, :3], X[:, :3] @ np.ones((3, 2))], axis=1)
    assert pca(CohortMoments.of(flat)).dimension == 3


def test_whitening():
    white = whitening(CohortMoments.of(X), ridge=0.0)
    np.testing.assert_allclose(np.cov(white(X).T), np.eye(6), atol=1e-7)
    np.testing.assert_allclose(white.matrix, white.matrix.T, atol=1e-12)
    assert (np.linalg.eigvalsh(white.matrix) > 0).all()


def test_lda_as_scikit_learn():
    ours = lda(CohortMoments.of(Y, WORDS), shrinkage=0.0)
    theirs = discriminant.LinearDiscriminantAnalysis(solver="eigen").fit(Y, WORDS)
    np.testing.assert_allclose(abs(ours(Y)), abs((Y - Y.mean(axis=0)) @ theirs.scalings_[:, :2]), atol=1e-5)


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_lda_by_whitening_the_classes_first(shrinkage):
    """Scikit-learn scales the features before it shrinks, so with shrinkage the answer comes from a second way."""
    ours = lda(CohortMoments.of(Y, WORDS), shrinkage=shrinkage)
    classes = Y.reshape(3, 30, 6)
    within = np.mean([np.cov(one.T, bias=True) for one in classes], axis=0)
    within = (1 - shrinkage) * within + shrinkage * np.mean(np.diag(within)) * np.eye(6)
    white = np.linalg.inv(np.linalg.cholesky(within))
    directions, spread, _ = np.linalg.svd(white @ (classes.mean(axis=1) - Y.mean(axis=0)).T)
    np.testing.assert_allclose(ours.values, spread[:2] ** 2 / 3, rtol=1e-8)
    same_up_to_sign(ours.matrix, directions[:, :2].T @ white, rtol=1e-6, atol=1e-9)


def test_discriminants_part_classes_that_variance_hides():
    def spread(projection):
        classes = projection(Y)[:, 0].reshape(3, 30)
        return classes.mean(axis=1).var() / classes.var(axis=1).mean()

    assert spread(lda(CohortMoments.of(Y, WORDS))) > 2 * spread(pca(CohortMoments.of(Y)))


def test_moments_merge_in_any_order_and_grouping():
    whole = CohortMoments.of(Y, WORDS)
    cuts = [slice(0, 7), slice(7, 31), slice(31, 32), slice(32, 90)]
    partials = [CohortMoments.of(Y[cut], WORDS[cut]) for cut in cuts]
    for a, b, c, d in itertools.permutations(partials):
        for merged in (
            a.merged(b).merged(c).merged(d),
            a.merged(b).merged(c.merged(d)),
            a.merged(b.merged(c.merged(d))),
        ):
            assert merged.classes == whole.classes == ("a", "b", "c")
            np.testing.assert_array_equal(merged.counts, whole.counts)
            np.testing.assert_allclose(merged.means, whole.means, rtol=1e-13)
            np.testing.assert_allclose(merged.scatter, whole.scatter, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole.scatter + whole.scatter_between, np.cov(Y.T, bias=True) * len(Y), rtol=1e-9)


def test_one_vector_at_a_time():
    partials = [CohortMoments.of(row, [word]) for row, word in zip(Y, WORDS, strict=True)]
    merged = partials[0]
    for partial in partials[1:]:
        merged = merged.merged(partial)
    np.testing.assert_allclose(lda(merged).matrix, lda(CohortMoments.of(Y, WORDS)).matrix, rtol=1e-6, atol=1e-9)


def test_moments_are_plain_arrays():
    moments = CohortMoments.of(Y, WORDS, source="abc")
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **moments.to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        again = CohortMoments.from_arrays(dict(arrays))
    assert (again.classes, again.source) == (moments.classes, "abc")
    np.testing.assert_array_equal(again.scatter, moments.scatter)
    with pytest.raises(InputError, match="no moments"):
        CohortMoments.from_arrays({"counts": moments.counts})


def test_a_projection_is_kept_to_the_byte():
    projection = pca(CohortMoments.of(X, source="of these"), 3)
    content = projection.to_bytes()
    again = Projection.from_bytes(content)
    assert content == projection.to_bytes() == again.to_bytes()
    assert again.digest == projection.digest
    assert (again.kind, again.source, again.n_learned) == ("pca", "of these", 90)
    np.testing.assert_array_equal(again(X), projection(X))
    np.testing.assert_array_equal(projection(X[5]), projection(X)[5])


def test_the_digest_sees_every_number_and_word():
    projection = pca(CohortMoments.of(X), 3)
    matrix = projection.matrix.copy()
    matrix[1, 2] = np.nextafter(matrix[1, 2], 9)
    parts = (projection.mean, projection.matrix, projection.values, projection.source, projection.n_learned)
    others = [
        Projection("pca", parts[0], matrix, *parts[2:]),
        Projection("lda", *parts),
        Projection("pca", *parts[:3], "another", 90),
        Projection("pca", *parts[:4], 91),
    ]
    assert len({projection.digest, *(other.digest for other in others)}) == 5


def test_what_is_no_projection():
    content = pca(CohortMoments.of(X), 3).to_bytes()
    with pytest.raises(InputError, match="no saved projection"):
        Projection.from_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="no saved projection"):
        Projection.from_bytes(b"")
    with np.load(io.BytesIO(content)) as arrays:
        fields = dict(arrays)
    for name, value, words in (
        ("mean", fields["mean"] + 1, "damaged"),
        ("mean", fields["mean"][:2], "fit together"),
        ("matrix", fields["matrix"].astype(np.float32), "float64"),
        ("kind", np.array([{"a": 1}], dtype=object), "no saved projection"),
    ):
        file = io.BytesIO()
        np.savez(file, **{**fields, name: value})
        with pytest.raises(InputError, match=words):
            Projection.from_bytes(file.getvalue())


def test_a_file_that_claims_too_much_is_not_opened(monkeypatch):
    from scanmill.algorithms.features import projection

    content = pca(CohortMoments.of(X), 3).to_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        size = sum(member.file_size for member in members.infolist())
    monkeypatch.setattr(projection, "LARGEST_BYTES", size - 1)
    with pytest.raises(InputError, match="claims too much"):
        Projection.from_bytes(content)


def test_cohorts_that_cannot_teach():
    with pytest.raises(InputError, match="two classes"):
        lda(CohortMoments.of(X))
    with pytest.raises(InputError, match="2 vectors"):
        pca(CohortMoments.of(X[0]))
    with pytest.raises(InputError, match="equal vectors"):
        pca(CohortMoments.of(np.ones((4, 3))))
    with pytest.raises(InputError, match="ridge"):
        whitening(CohortMoments.of(X[:4]), ridge=0.0)
    with pytest.raises(InputError, match="shrinkage"):
        lda(CohortMoments.of(np.eye(3)[[0, 0, 1, 1]], list("aabb")), shrinkage=0.0)
    with pytest.raises(InputError, match="different embeddings"):
        CohortMoments.of(X, source="a").merged(CohortMoments.of(X, source="b"))
    with pytest.raises(InputError, match="different embeddings"):
        CohortMoments.of(X).merged(CohortMoments.of(X[:, :3]))
    with pytest.raises(InputError, match="finite"):
        CohortMoments.of(np.array([[1.0, np.inf]]))
    with pytest.raises(InputError, match="scatter matrix"):
        CohortMoments.of(np.zeros((1, 5000)))
    with pytest.raises(InputError, match="length"):
        pca(CohortMoments.of(X))(X[:, :3])
