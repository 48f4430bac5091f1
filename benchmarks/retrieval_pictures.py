"""Sheets of questions and answers for the page on retrieval."""

from itertools import zip_longest

import numpy as np
from matplotlib.figure import Figure

RIGHT, WRONG, ASKED = "#3fa34d", "#d62839", "#8d99ae"
SIDE, TITLE = 1.1, 0.24
"""Inches of a picture and of its title."""


def sheet(path, lines):
    """Lines of (title, image, colour of its frame): each line one question with its answers."""
    n_columns = max(map(len, lines))
    figure = Figure(figsize=(n_columns * SIDE, len(lines) * (SIDE + TITLE)), dpi=110)
    axes = figure.subplots(len(lines), n_columns, squeeze=False)
    for ax in axes.ravel():
        ax.set_axis_off()
    for line, row in zip(lines, axes, strict=True):
        for (title, image, colour), ax in zip(line, row, strict=False):
            ax.set_axis_on()
            ax.set(xticks=[], yticks=[])
            for spine in ax.spines.values():
                spine.set(color=colour, linewidth=3)
            ax.imshow(image, cmap="gray")
            ax.set_title(title, fontsize=6, color=colour, pad=2)
    figure.subplots_adjust(left=0.01, right=0.99, top=1 - 0.2 / figure.get_figheight(), bottom=0.01, wspace=0.06)
    figure.savefig(path)


def answers(half, vectors, query, n=6):
    """A line for one query: itself, then the first answers of other patients, right or wrong."""
    others = np.flatnonzero(half.patients != half.patients[query])
    order = others[np.argsort(-(vectors[others] @ vectors[query]), kind="stable")][:n]
    line = [(half.labels[query], half.images[query], ASKED)]
    for number in order:
        colour = RIGHT if half.labels[number] == half.labels[query] else WRONG
        line.append((half.labels[number], half.images[number], colour))
    return line


def montage(path, half, vectors, n_lines=7):
    """Queries drawn by a seed, all labels in turn, half of them with a wrong answer where there are as many."""
    drawn = np.random.default_rng(0).permutation(half.asked)
    turns = [drawn[half.labels[drawn] == label] for label in np.unique(half.labels[drawn])]
    mixed = [query for turn in zip_longest(*turns) for query in turn if query is not None]
    lines = [answers(half, vectors, query) for query in mixed]
    wrong = [line for line in lines if any(colour == WRONG for _, _, colour in line)]
    right = [line for line in lines if all(colour != WRONG for _, _, colour in line)]
    n_wrong = min(len(wrong), n_lines - n_lines // 2)
    sheet(path, right[: n_lines - n_wrong] + wrong[:n_wrong])
