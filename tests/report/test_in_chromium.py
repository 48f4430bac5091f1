"""The report in a real browser: everything is seen, nothing is fetched, nothing overflows, by day and by night."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from report_folder import LONG_KEY, long_folder
from scanmill.report import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
PROBE = """<script>addEventListener("load", () => { const images = [...document.images];
document.title = "PROBE" + JSON.stringify({
  images: images.length, broken: images.filter(i => !i.complete || !i.naturalWidth).length,
  seen: images.filter(i => i.getBoundingClientRect().height > 20).length,
  resources: performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:")),
  overflow: document.documentElement.scrollWidth - innerWidth, width: innerWidth,
  shown: document.body.innerText.includes("KEY") }) + "END" })</script>"""
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium"),
]


def browse(page, profile, *more):
    command = [BROWSER, *FLAGS, f"--user-data-dir={profile}", *more, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def probed(page, tmp_path, width):
    """What the browser makes of the page, and what it complains of."""
    copy = tmp_path / "probe.html"
    copy.write_text(
        page.read_text("utf-8").replace("</body>", PROBE.replace("KEY", LONG_KEY[:20]) + "</body>"), "utf-8"
    )
    done = browse(copy, tmp_path / "profile", f"--window-size={width},1400", "--dump-dom")
    found = json.loads(re.search(r"PROBE({.*?})END", done.stdout)[1])
    return found, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture
def page(tmp_path):
    folder, read_bytes = long_folder(tmp_path / "run")
    page, _ = write_report(folder, read_bytes, {"status": "done", "seconds": 100.0, "drained": {"n" * 90: "w" * 300}})
    return page


@pytest.mark.parametrize("width", [500, 1200])
def test_every_picture_is_seen_and_nothing_is_fetched_or_runs_over(page, tmp_path, width):
    found, complaints = probed(page, tmp_path, width)
    assert found["images"] > 24
    assert found["broken"] == 0
    assert found["seen"] == found["images"]
    assert found["resources"] == []
    assert found["overflow"] <= 0
    assert found["shown"]
    assert complaints == []


def test_the_probe_sees_what_is_wrong(tmp_path):
    bad = tmp_path / "bad.html"
    pictures = "<img src='gone.png'><img src='http://example.invalid/x.png'>"
    bad.write_text(f"<body><script>console.error('no')</script>{pictures}<p style='width:3000px'>x</p></body>")
    found, complaints = probed(bad, tmp_path, 1200)
    assert found["broken"] == 2
    assert found["overflow"] > 0
    assert found["resources"]
    assert complaints


def test_by_day_and_by_night(page, tmp_path):
    seen = {}
    for scheme, number in (("dark", 0), ("light", 1)):
        shot = tmp_path / f"{scheme}.png"
        flags = (f"--blink-settings=preferredColorScheme={number}", "--window-size=1200,1400", f"--screenshot={shot}")
        browse(page, tmp_path / f"profile-{scheme}", *flags)
        seen[scheme] = np.asarray(Image.open(shot).convert("L"), float)
    assert seen["light"][:20].min() > 240
    assert seen["dark"][:20].max() < 40
    assert all(picture.std() > 10 for picture in seen.values())


def test_a_page_without_any_result(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"run_id": LONG_KEY, "name": "none", "created_at": 0.0}))
    (tmp_path / "run" / "job.yaml").write_text("name: none\n")
    told = {"status": "interrupted", "seconds": 0.0, "drained": {}}
    (page,) = write_report(tmp_path / "run", lambda uri: b"", {**told, "cohort": None})
    found, complaints = probed(page, tmp_path, 500)
    assert found["shown"]
    assert complaints == []
