"""Results as text: a chapter's findings in a box, and frames for notebooks, as CSV and as LaTeX."""
import html
import json
import re
from pathlib import Path

import pandas as pd
from pandas.io.formats.style import Styler

from vscg.machine.files import make_folder, runs_dir, write_atomically
from vscg.models import ORIGINS
from vscg.study.statistics import DIGITS
from vscg.training.records import records_dir

DASH = "–"     # not in the paper, or not measured
# The site's own style for admonitions; the frame is for Jupyter Lab, which has none.
BOX = '<div class="admonition tip" style="border-left: 0.2rem solid #3a7d44; padding: 0 0.8rem 0.4rem;">'


class Findings:
    """The box "On this page": what the run that is shown found, one sentence after the other.

    Made in a cell near the top of a chapter, where it shows itself and gets what each `say` further down adds.
    """

    def __init__(self):
        from IPython.display import display  # not at the top: the command line needs no IPython
        self.sentences = []
        self._shown = display(self, display_id=True)    # None outside a notebook

    def say(self, sentence: str) -> None:
        """Add a sentence, plain text, to the box; one that is there already, from a cell run twice, is kept once."""
        if sentence not in self.sentences:
            self.sentences.append(sentence)
            if self._shown is not None:
                self._shown.update(self)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(sentence, quote=False)}</li>" for sentence in self.sentences)
        return f'{BOX}<p class="admonition-title"><strong>On this page</strong></p><ul>{items}</ul></div>'

    def __repr__(self) -> str:
        return "\n".join(["On this page", *(f"- {sentence}" for sentence in self.sentences)])


def findings() -> Findings:
    """Show an empty box "On this page" here; `say` fills it."""
    return Findings()


def paragraphs(*texts: str):
    """Texts as running text for a notebook, wherever their lines break."""
    from IPython.display import Markdown  # as above
    return Markdown("\n\n".join(" ".join(text.split()) for text in texts))


def with_seeds(chapter: str) -> dict[int, list[str]]:
    """Seed -> the sentences of a chapter's box ("07") with it, as `book/try_seeds.py` recorded them; or nothing."""
    file = records_dir() / "five_seeds.json"
    of_seeds = json.loads(file.read_text(encoding="utf-8")).get(chapter, {}) if file.is_file() else {}
    return {int(seed): said for seed, said in of_seeds.items()}


def told(low: float, high: float, above: str, below: str, between: str = "not told apart from") -> str:
    """The word that an interval allows: `above` or `below` if it lies on that side of 0, else `between`."""
    return above if low > 0 else below if high < 0 else between


def points(mean: float, low: float, high: float) -> str:
    """A difference of shares with its 95% interval, as percentage points: "+4.5 points (+3.1 to +5.9)"."""
    mean, low, high = (signed_text(100 * value) for value in (mean, low, high))
    return f"{mean} points ({low} to {high})"


def percent(mean: float, low: float, high: float) -> str:
    """A share with its 95% interval: "78.1% (72.9 to 83.0)"."""
    return f"{100 * mean:.1f}% ({100 * low:.1f} to {100 * high:.1f})"


def accuracy_text(frame: pd.DataFrame, note_numbers: dict[str, int],
                  references: dict[str, tuple[float, float, float]]) -> pd.DataFrame:
    """The lines of `TableResult.frame` as a reader sees them; a row's note number stands behind its name.

    Below them those of `TableResult.held_against`.
    """
    names = [f"{name} [{note_numbers[name]}]" if name in note_numbers else name for name in frame["row"]]
    outcome = f"{frame.attrs['outcome']} (%)"
    text = pd.DataFrame({
        "row": names, **_setting(frame), "paper (%)": frame["paper"].map(_figure),
        outcome: _intervals(frame, ("mean", "low", "high")),
        "right in event, in background seconds (%)": _two(frame["event"], frame["background"]),
        "standard deviation of runs (points)": frame["sd"].map(_figure), **_seeds(frame),
        **({"selected by test (%)": _intervals(frame, ("test_mean", "test_low", "test_high"))}
           if "validation" in outcome else
           {"selected by validation, by test (%)": _two(frame["val_mean"], frame["test_mean"])}),
        "origin": frame["origin"], "course": frame["course"].replace("", DASH),
        "verdict": [(word or DASH) if pd.isna(share) else f"{word}, {round(share * seeds)} of {seeds} runs reach it"
                    for word, share, seeds in zip(frame["verdict"], frame["reaching"], frame["seeds"], strict=True)],
    }, index=frame.index)
    beside = pd.DataFrame(references.values(), index=references, columns=["mean", "low", "high"], dtype=float)
    below = pd.DataFrame({"row": list(references), outcome: _intervals(beside)})
    return pd.concat([text, below]).astype(object).fillna(DASH)


def said_once(text: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A table without empty columns and without words that are the same in every line; these words as a sentence."""
    text = text.loc[:, (text != DASH).any()]
    words = [name for name in ("origin", "course", "verdict") if name in text and len(text) > 1]
    same = {name: values.iloc[0] for name in words if (values := text[name][text[name] != DASH]).nunique() == 1}
    once = ", ".join(f'{name} "{word}"' for name, word in same.items())
    return text.drop(columns=list(same)), f" Every measured row has {once}." if once else ""


def learning_text(frame: pd.DataFrame, ends: list[tuple[float, float]]) -> pd.DataFrame:
    """Measured lines of `TableResult.frame`, the settings of a row side by side; `ends` are the losses of each line."""
    lines: dict[str, dict[str, str]] = {}
    for row, setting, learnt, (first, last) in zip(frame["row"], frame["setting"], frame["learnt"], ends, strict=True):
        lines.setdefault(row, {"row": row}).update({f"loss, {setting}": f"{first:.3f} to {last:.3f}",
                                                    f"learnt, {setting}": "yes" if learnt else "no"})
    return pd.DataFrame(lines.values()).fillna(DASH)


def difference_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The lines of `TableResult.differences` as a reader sees them."""
    return pd.DataFrame({
        "difference": frame["first"] + " minus " + frame["second"], **_setting(frame),
        "paper (points)": frame["paper"].map(signed_text), "measured (points)": _intervals(frame, signed=True),
        "smallest detectable difference (points)": frame["smallest"].map(_figure), **_seeds(frame),
        # Of the row that is known less well.
        "origin": [max(pair, key=ORIGINS.index) for pair in frame[["first_origin", "second_origin"]].to_numpy()],
        "course": frame["learning"].map({True: "still learning", False: "converged"})}, index=frame.index)


def family_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The lines of `comparisons.primary_family`, with `smallest`, as a reader sees them."""
    return pd.DataFrame({
        "difference": frame["name"], "paper (points)": frame["paper"].map(signed_text),
        "measured (points)": _intervals(frame, signed=True),
        "smallest detectable difference (points)": frame["smallest"].map(_figure),
        "seeds": frame["seeds"],
        "p, corrected": [DASH if pd.isna(p) else "< 0.001" if holm < 0.001 else f"{holm:.3f}"
                         for p, holm in zip(frame["p"], frame["holm"], strict=True)],
        "by the rule": frame["word"] + frame["equal"].map({True: ", equal", False: ""})}, index=frame.index)


def findable(share: float, most: float = 1) -> str:
    """The smallest detectable difference, a share, in words; none is larger than `most`, of two differences 2."""
    return f"smallest detectable {100 * share:.1f}" if share <= most else "no difference is detectable"


def _seeds(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Which seeds, where rows differ in them: "4", "0, 2", "0 to 4"."""
    def text(seeds: tuple[int, ...]) -> str:
        together = len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1
        return f"{seeds[0]} to {seeds[-1]}" if together else ", ".join(map(str, seeds)) or DASH
    return {"which seeds": frame["of_seeds"].map(text)} if frame["of_seeds"][frame["seeds"] > 0].nunique() > 1 else {}


def _setting(frame: pd.DataFrame) -> dict[str, pd.Series]:
    return {"setting": frame["setting"]} if "setting" in frame else {}


def _figure(value: float) -> str:
    return DASH if pd.isna(value) else f"{value:.1f}"


def _two(first: pd.Series, second: pd.Series) -> list[str]:
    return [DASH if pd.isna(one) and pd.isna(other) else f"{_figure(one)}, {_figure(other)}"
            for one, other in zip(first, second, strict=True)]


def signed_text(value: float) -> str:
    """Points with a sign and one decimal, or a dash for NaN; what rounds to 0 keeps its sign, and 0 itself has a plus.

    A difference that is 0 may be computed as 1e-17 or its negative.
    """
    return DASH if pd.isna(value) else f"{round(value, DIGITS) + 0.0:+.1f}"


def _intervals(frame: pd.DataFrame, columns: tuple[str, str, str] = ("mean", "low", "high"),
               signed: bool = False) -> list[str]:
    show = signed_text if signed else _figure
    return [DASH if pd.isna(mean) else show(mean) if pd.isna(low) else f"{show(mean)} ({show(low)} to {show(high)})"
            for mean, low, high in zip(*(frame[column] for column in columns), strict=True)]


def styled(text: pd.DataFrame, caption: str, uuid: str) -> Styler:
    """A table for a notebook; its HTML is the same every time, and its colours are the page's."""
    # No line breaks inside an interval or before a note's number.
    text = text.replace({r"\((\S+) to (\S+)\)": "(\\1\u00a0to\u00a0\\2)", r" \[": "\u00a0["}, regex=True)
    return (Styler(text, uuid=uuid, caption=html.escape(caption), cell_ids=False)
            .format(escape="html").hide(axis="index")
            # Both kinds of page, light and dark, leave this class its own colours.
            .set_table_attributes('class="dataframe"')
            .set_table_styles([{"selector": selector, "props": f"text-align: left; {props}"} for selector, props in (
                ("caption", "caption-side: top; max-width: min(88vw, 40rem);"),  # read whole where the table scrolls
                ("th", "vertical-align: bottom;"), ("td", "vertical-align: top;"))]))


def latex(text: pd.DataFrame, comment: str) -> str:
    """A tabular with the rules of the package booktabs, below a comment."""
    style = text.style.format(escape="latex").format_index(escape="latex", axis=1).hide(axis="index")
    table = style.to_latex(hrules=True, column_format="l" * text.shape[1]).replace(DASH, "--")
    return f"% {' '.join(comment.split())}\n% Needs \\usepackage{{booktabs}}.\n{table}"


def write_table(folder: Path, name: str, frame: pd.DataFrame, text: pd.DataFrame, comment: str) -> list[Path]:
    """Write `frame` as name.csv and `text` as name.tex into a folder, made if need be; returns the two files."""
    make_folder(folder)
    for column, form in (("each_seed", "{:.3f}"), ("of_seeds", "{}")):
        if column in frame:
            frame = frame.assign(**{column: [" ".join(map(form.format, values)) for values in frame[column]]})
    contents = {"csv": frame.to_csv(index=False, float_format="%.3f"), "tex": latex(text, comment)}
    files = [folder / f"{name}.{ending}" for ending in contents]
    for file, content in zip(files, contents.values(), strict=True):
        write_atomically(file, content.encode())
    return files


def export_folder(data: str, profile: str, protocol: str = "clean") -> Path:
    """Where tables of a data set, profile and protocol are written by default."""
    # A data set may be called by its file's path.
    name = f"{data}-{profile}{'' if protocol == 'clean' else f'-{protocol}'}"
    return runs_dir() / "tables" / re.sub(r"[^\w.-]+", "_", name)
