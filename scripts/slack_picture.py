# ruff: noqa: INP001
"""The picture of docs/slack: messages drawn by a browser, about as Slack draws them.

    python scripts/slack_picture.py [NAME ...]

It turns the blocks of docs/slack/NAME.json (firing and resolved unless others are named) into a
small page, has a headless Chromium make a screenshot of it, and writes docs/slack/alert.png.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGES: Final = Path(__file__).parents[1] / "docs" / "slack"
PICTURE: Final = PAGES / "alert.png"
SHOWN: Final = ("firing", "resolved")
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
WIDTH: Final = 760
BROWSER_SECONDS: Final = 60

STYLE: Final = """
body { margin: 0; padding: 16px 20px; width: 720px; background: #fff; color: #1d1c1d;
       font: 15px/1.46668 Lato, "DejaVu Sans", "Noto Color Emoji", sans-serif; }
.message { display: flex; gap: 8px; margin-bottom: 20px; }
.picture { flex: none; width: 36px; height: 36px; border-radius: 8px; background: #2f6f9f;
           color: #fff; font: bold 20px/36px sans-serif; text-align: center; }
.who b { font-weight: 900; } .who span { color: #616061; font-size: 12px; margin-left: 6px; }
.app { background: #ebeaeb; border-radius: 2px; font-size: 10px !important; padding: 1px 3px; }
h3 { font-size: 18px; line-height: 1.33; margin: 6px 0 4px; }
p { margin: 4px 0; } hr { border: 0; border-top: 1px solid #ddd; margin: 10px 0; }
pre { font: 12px/1.5 "DejaVu Sans Mono", monospace; background: #f8f8f8; margin: 6px 0;
      border: 1px solid #dcdcdc; border-radius: 4px; padding: 8px; white-space: pre; }
code { font: 12px "DejaVu Sans Mono", monospace; color: #c01343; background: #f8f8f8;
       border: 1px solid #dcdcdc; border-radius: 3px; padding: 1px 3px; }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px; margin: 8px 0; }
.context { color: #616061; font-size: 13px; margin: 6px 0; } .context span { margin-right: 8px; }
a { color: #1264a3; text-decoration: none; }
"""


def page(messages: Sequence[dict[str, Any]]) -> str:
    """The messages as a page."""
    drawn = "".join(_message(one) for one in messages)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{drawn}"


def _message(message: dict[str, Any]) -> str:
    who = "<div class=who><b>driftline</b><span class=app>APP</span></div>"
    blocks = "".join(map(_block, message["blocks"]))
    return f"<div class=message><div class=picture>d</div><div>{who}{blocks}</div></div>"


def _block(block: dict[str, Any]) -> str:
    kind = block["type"]
    if kind == "header":
        return f"<h3>{_text(block['text'])}</h3>"
    if kind == "divider":
        return "<hr>"
    if kind == "context":
        spans = "".join(f"<span>{_text(one)}</span>" for one in block["elements"])
        return f"<div class=context>{spans}</div>"
    if kind == "rich_text":
        texts = [text["text"] for part in block["elements"] for text in part["elements"]]
        return f"<p><b>{html.escape(''.join(texts))}</b></p>"
    fields = "".join(f"<div>{_text(one)}</div>" for one in block.get("fields", ()))
    drawn = f"<p>{_text(block['text'])}</p>" if "text" in block else ""
    return drawn + (f"<div class=fields>{fields}</div>" if fields else "")


def _text(text: dict[str, Any]) -> str:
    """Markup is escaped as HTML is; plain text is not escaped at all."""
    if text["type"] == "plain_text":
        return html.escape(text["text"]).replace("\n", "<br>")
    drawn = re.sub(r"<(https?://[^|>]*)\|([^>]*)>", r"<a href='\1'>\2</a>", text["text"])
    block = re.fullmatch(r"```(.*)```", drawn, re.DOTALL)
    if block is not None:
        return f"<pre>{block[1]}</pre>"
    drawn = re.sub(r"`([^`]*)`", r"<code>\1</code>", drawn)
    return re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", drawn).replace("\n", "<br>")


def main() -> None:
    """Draw them."""
    names = sys.argv[1:] or SHOWN
    messages = [json.loads((PAGES / f"{name}.json").read_text("utf-8")) for name in names]
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser: one of {', '.join(BROWSERS)} has to be on the PATH")
    with tempfile.TemporaryDirectory() as directory:
        written = Path(directory) / "page.html"
        written.write_text(page(messages), encoding="utf-8")
        height = _height(browser, written, directory)
        _run(
            browser,
            directory,
            f"--screenshot={PICTURE}",
            f"--window-size={WIDTH},{height}",
            written.as_uri(),
        )


def _height(browser: str, written: Path, directory: str) -> int:
    """How tall the page is, as the browser lays it out."""
    asked = Path(directory) / "asked.html"
    ask = "<script>document.title = document.body.scrollHeight</script>"
    asked.write_text(written.read_text("utf-8") + ask, encoding="utf-8")
    laid_out = _run(browser, directory, "--dump-dom", f"--window-size={WIDTH},200", asked.as_uri())
    found = re.search(r"<title>(\d+)</title>", laid_out)
    return int(found[1]) + 8 if found else 1_200


def _run(browser: str, directory: str, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own page
        (
            browser,
            "--headless",
            # As root, in a container, there is no sandbox; the page is our own.
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={directory}/profile",
            *arguments,
        ),
        check=True,
        capture_output=True,
        text=True,
        timeout=BROWSER_SECONDS,
    )
    return done.stdout


if __name__ == "__main__":
    main()
