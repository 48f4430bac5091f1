"""Which features find images of the same kind, and what region search finds: writes its part of docs/retrieval.md.

    python benchmarks/retrieval_features.py [DATA]

DATA is the folder of open data (default: SCANMILL_DATA). Only what stands between this script's two marks in
docs/retrieval.md is replaced, and the pictures docs/images/retrieval-*.png.
"""

import argparse
import os
from itertools import combinations
from pathlib import Path

import numpy as np
from retrieval_matching import N_FIRST, SCALE, TURN_DEG, before_and_after, picture, turned_and_back
from retrieval_pictures import montage
from retrieval_regions import N_PATIENTS, measured_tables, planted_table
from retrieval_sets import bodyparts, pneumonia

from scanmill.algorithms.features import (
    CanonicalGrid,
    CohortMoments,
    Embedding,
    Part,
    default_embedding,
    lda,
    pca,
)
from scanmill.algorithms.retrieval import evaluate

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = (Path(__file__).parent / "retrieval.md").read_text()
BEGIN, END = (f"<!-- benchmarks/retrieval_features.py: {word} -->" for word in ("begin", "end"))
MOST_NUMBERS = 1024
"""A longer vector is shown but not chosen: a million of them would take more than 4 GiB."""
MEASURES = "precision_at_1", "precision_at_5", "average_precision"
N_COMPONENTS, N_SHOWN = 64, 10
GRID = CanonicalGrid((96, 96))
PARTS = {
    "hog": Part("hog", power=0.5),
    "patterns": Part("patterns", power=0.5),
    "profile": Part("profile", power=0.5),
    "texture": Part("texture"),
    "statistics": Part("statistics"),
    "thumbnail": Part("thumbnail"),
}
OTHERS = {"hog (power 1)": Part("hog"), "hog (cells of 8, power 1)": Part("hog", {"cell": 8, "block": 3})}


def candidates():
    """Every combination of the features by its name, and two other HOGs alone and with statistics."""
    chosen = {
        " + ".join(names): Embedding(GRID, tuple(PARTS[name] for name in names))
        for n in range(1, len(PARTS) + 1)
        for names in combinations(PARTS, n)
    }
    for name, part in OTHERS.items():
        chosen[name] = Embedding(GRID, (part,))
        chosen[f"{name} + statistics"] = Embedding(GRID, (part, PARTS["statistics"]))
    return chosen


def unit_rows(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)


class Set:
    """One open set: its two halves, and the features of both, each part measured once."""

    def __init__(self, halves):
        self.halves = halves
        self.parts = [
            {
                name: np.stack([Embedding(GRID, (part,)).features(image) for image in half.images])
                for name, part in {**PARTS, **OTHERS}.items()
            }
            for half in halves
        ]

    def features(self, name, which):
        return np.concatenate([self.parts[which][word] for word in name.split(" + ")], axis=1)

    def asked(self, vectors, which):
        half = self.halves[which]
        return evaluate(unit_rows(vectors), half.labels, half.patients, modalities=half.modalities, asked=half.asked)

    def found(self, name, which):
        return self.asked(self.features(name, which), which)

    def learned(self, name):
        """The reporting half seen through projections that were learned on the choosing half."""
        first, embed = self.features(name, 0), candidates()[name]
        moments = CohortMoments.of(first, self.halves[0].labels, source=embed.features_digest)
        projections = {"PCA": pca(moments, N_COMPONENTS), "LDA (labels seen)": lda(moments)}
        return {word: self.asked(projection(self.features(name, 1)), 1) for word, projection in projections.items()}


def mean_ap(evaluation):
    return evaluation.means()["average_precision"]


def intervals(evaluation, values=None):
    return [str(evaluation.interval(measure, values)) for measure in MEASURES]


def table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def features_table(sets):
    """(the name chosen, a table of the best and of the single features, one of the rest), reported on the other halves.

    Chosen by the mean mAP of the choosing halves.
    """
    sizes = {name: embed.dimension for name, embed in candidates().items()}
    score = {name: np.mean([mean_ap(one.found(name, 0)) for one in sets]) for name in sizes}
    best = max((name for name in sizes if sizes[name] <= MOST_NUMBERS), key=lambda name: score[name])
    chance = [one.found("hog", 1) for one in sets]
    lines = [["*random order*", "", "", *[c for e in chance for c in intervals(e, e.by_chance)]]]
    lines.append(["*modality alone*", "", "", *[c for e in chance for c in intervals(e, e.by_modality)]])
    rest = []
    for rank, name in enumerate(sorted(score, key=lambda name: -score[name])):
        cells = [c for one in sets for c in intervals(one.found(name, 1))]
        is_shown = rank < N_SHOWN or " + " not in name
        shown = f"**{name}**" if name == best else name
        (lines if is_shown else rest).append([shown, sizes[name], f"{score[name]:.3f}", *cells])
    seen = [one.learned(best) for one in sets]
    lines += [[f"{best}, {w}", "", "", *[c for by_word in seen for c in intervals(by_word[w])]] for w in seen[0]]
    words = [f"{place}: {m}" for place in ("body parts", "X-rays") for m in ("P@1", "P@5", "mAP")]
    head = ["features", "numbers", "chosen by", *words]
    return best, table(head, lines), table(head, rest)


def confusion_table(evaluation):
    words, counts = evaluation.confusion()
    return table(["asked \\ first answer", *words], [[w, *row] for w, row in zip(words, counts.tolist(), strict=True)])


def matching_table(half, vectors):
    """Two questions, each as searched and with the first answers re-ranked."""
    kinds = "the same kind, other patients", before_and_after(half, vectors)
    itself = "itself, turned and noisy", turned_and_back(half, default_embedding("slice"))
    lines = []
    for question, results in (kinds, itself):
        for word, result in zip(("as searched", "re-ranked"), results, strict=True):
            lines.append([question, word, *(result.interval(m) for m in ("precision_at_1", "average_precision"))])
    return table(["question", "order", "P@1", "mAP"], lines)


def written(page, part):
    """The page with the part between the marks replaced, at its end where there are none."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before.rstrip()}\n\n{BEGIN}\n{part.strip()}\n{END}\n\n{after.lstrip()}".strip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("SCANMILL_DATA", ROOT.parent / "shared/data")
    parser.add_argument("data", nargs="?", default=default, type=Path)
    data = parser.parse_args().data
    sets = [Set(halves(data)) for halves in (bodyparts, pneumonia)]
    best, features, rest = features_table(sets)
    if candidates()[best].digest != default_embedding("slice").digest:
        print(f"the default of slices is not what was chosen: {best}")
    for one, name in zip(sets, ("bodyparts", "pneumonia"), strict=True):
        montage(DOCS / f"images/retrieval-{name}.png", one.halves[1], unit_rows(one.features(best, 1)))
    picture(DOCS / "images/retrieval-why.png", data)
    first = sets[0]
    matched = matching_table(first.halves[1], unit_rows(first.features(best, 1)))
    head = ["search", "features", "P@1", "P@5", "mAP"]
    again, other, n_planes, n_marked = measured_tables(data)
    text = PAGE.format(
        best=best, features=features, rest=rest, confusion=confusion_table(sets[1].found(best, 1)),
        planted=table(head, planted_table()), again=table(head, again), other=table(head, other),
        n_patients=N_PATIENTS, n_planes=n_planes, n_marked=n_marked, n_components=N_COMPONENTS, matched=matched,
        n_first=N_FIRST, turn=TURN_DEG, scale=SCALE, most=MOST_NUMBERS,
        n_asked=[len(half.asked) for one in sets for half in one.halves],
    )  # fmt: skip
    path = DOCS / "retrieval.md"
    path.write_text(written(path.read_text() if path.exists() else "# Retrieval\n", text))
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
