"""A player of clips for a notebook: the one that the book's site has, fed with the reader's own runs."""
import json
import uuid
from collections.abc import Mapping
from pathlib import Path

from IPython.display import HTML

HERE = Path(__file__).resolve().parent


def clip_player(content: Mapping) -> HTML:
    """Slides over the seconds of clips: what happens, what each system says and where it looks. `content` is of
    `study.player_content`; the element has its script and data inside, and nothing is loaded from elsewhere.
    """
    style, script = ((HERE / f"player.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    name = f"vscg-player-{uuid.uuid4().hex[:8]}"
    data = json.dumps(content, separators=(",", ":")).replace("</", "<\\/")      # no name may close the script
    return HTML(f'<style>{style}</style><div id="{name}"></div><script>(() => {{{script}\n'
                f'vscgPlayer(document.getElementById("{name}"), {data});}})();</script>')
