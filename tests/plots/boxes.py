"""What is wrong with the texts of a figure: too small, on one another, cut off, or legends over curves."""

from unittest import mock

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox

LEAST_SIZE = 6.0
# In points: boxes are as high as the font's tallest and deepest letter.
TOUCHING = 0.3


def faults(figure):
    """Return a sentence for each fault of a figure: of its texts, and of legends that cover curves."""
    texts = drawn_texts(figure)
    return [*_sizes(texts), *_overlaps(figure, texts), *_cut_off(figure, texts), *_legends(figure)]


def drawn_texts(figure):
    """Return every text that is really drawn, with the corners of its box in points."""
    found, draw = [], Text.draw

    def noted(self, renderer, *arguments, **options):
        if self.get_visible() and self.get_text().strip():
            found.append(self)
        return draw(self, renderer, *arguments, **options)

    if not isinstance(figure.canvas, FigureCanvasAgg):
        FigureCanvasAgg(figure)
    figure.canvas.draw()
    with mock.patch.object(Text, "draw", noted):
        figure.canvas.draw()
    return [(text, _corners(text) * 72 / figure.dpi) for text in found]


def _corners(text):
    """Return the corners of a text's box, which is turned like the text, shape (4, 2)."""
    (left, low), (right, high) = text.get_window_extent().get_points()
    middle, angle = np.array([left + right, low + high]) / 2, text.get_rotation()
    text.set_rotation(0)
    size = text.get_window_extent().size
    text.set_rotation(angle)
    turned = Affine2D().rotate_deg(angle)
    return middle + turned.transform(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2)


def _depth(one, other):
    """Return how far two turned boxes reach into one another in points, not positive where they do not."""
    depths = []
    for corners in (one, other):
        for side in (corners[1] - corners[0], corners[3] - corners[0]):
            direction = side / np.linalg.norm(side)
            a, b = one @ direction, other @ direction
            depths.append(min(a.max(), b.max()) - max(a.min(), b.min()))
    return min(depths)


def _sizes(texts):
    return [
        f"{text.get_text()!r} has {text.get_fontsize():.3g} pt"
        for text, _ in texts
        if text.get_fontsize() < LEAST_SIZE
    ]


def _overlaps(figure, texts):
    found = []
    for place, (text, box) in enumerate(texts):
        for other, another in texts[place + 1 :]:
            if _depth(box, another) > TOUCHING:
                found.append(f"{text.get_text()!r} lies on {other.get_text()!r}")
    return found


def _cut_off(figure, texts):
    size = figure.get_size_inches() * 72
    return [
        f"{text.get_text()!r} is cut off"
        for text, box in texts
        if (box < -TOUCHING).any() or (box > size + TOUCHING).any()
    ]


def _legends(figure):
    found = []
    for ax in figure.axes:
        if (legend := ax.get_legend()) is None:
            continue
        box = legend.get_window_extent()
        found += [
            f"the legend covers {line.get_label()!r}"
            for other in figure.axes
            for line in other.get_lines()
            if line.get_visible() and _runs_through(line, other, box)
        ]
    return found


def _runs_through(line, ax, box):
    """Return whether the part of a line that is inside its axes runs through a box, its points included."""
    path = line.get_transform().transform_path(line.get_path())
    inside = ax.bbox
    if line.get_clip_on():
        x0, x1 = max(box.x0, inside.x0), min(box.x1, inside.x1)
        y0, y1 = max(box.y0, inside.y0), min(box.y1, inside.y1)
        if x1 <= x0 or y1 <= y0:
            return False
        box = Bbox.from_extents(x0, y0, x1, y1)
    if not len(path.vertices):
        return False
    through = line.get_linestyle() not in ("None", "none") and path.intersects_bbox(box, filled=False)
    return bool(through or any(box.contains(*point) for point in path.vertices))
