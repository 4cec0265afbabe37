"""Frames of results as text: for notebooks, as CSV and as LaTeX."""
import html
import re
from pathlib import Path

import pandas as pd
from pandas.io.formats.style import Styler

from vscg.machine.files import make_folder, runs_dir, write_atomically

DASH = "–"     # not in the paper, or not measured


def accuracy_text(frame: pd.DataFrame, note_numbers: dict[str, int]) -> pd.DataFrame:
    """The lines of `TableResult.frame` as a reader sees them; a row's note number stands behind its name."""
    names = [f"{name} [{note_numbers[name]}]" if name in note_numbers else name for name in frame["row"]]
    return pd.DataFrame({
        "row": names, **_setting(frame), "paper (%)": frame["paper"].map(_figure),
        "selected by validation (%)": _intervals(frame, ("mean", "low", "high")),
        "selected by test (%)": _intervals(frame, ("test_mean", "test_low", "test_high")),
        "ours": frame["origin"], "verdict": frame["verdict"]}, index=frame.index)


def difference_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The lines of `TableResult.differences` as a reader sees them."""
    return pd.DataFrame({
        "difference": frame["first"] + " minus " + frame["second"], **_setting(frame),
        "paper (points)": frame["paper"].map(_signed), "measured (points)": _intervals(frame, signed=True),
        "sign": frame["sign"]}, index=frame.index)


def _setting(frame: pd.DataFrame) -> dict[str, pd.Series]:
    return {"setting": frame["setting"]} if "setting" in frame else {}


def _figure(value: float) -> str:
    return DASH if pd.isna(value) else f"{value:.1f}"


def _signed(value: float) -> str:
    return DASH if pd.isna(value) else f"{round(value, 1) + 0.0:+.1f}"      # + 0.0: no negative zero


def _intervals(frame: pd.DataFrame, columns: tuple[str, str, str] = ("mean", "low", "high"),
               signed: bool = False) -> list[str]:
    show = _signed if signed else _figure
    return [DASH if pd.isna(mean) else f"{show(mean)} ({show(low)} to {show(high)})"
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
                ("caption", "caption-side: top; max-width: 88vw;"),  # read whole where the table scrolls, on a phone
                ("th", "vertical-align: bottom;"), ("td", "vertical-align: top;"))]))


def latex(text: pd.DataFrame, comment: str) -> str:
    """A tabular with the rules of the package booktabs, below a comment."""
    style = text.style.format(escape="latex").format_index(escape="latex", axis=1).hide(axis="index")
    table = style.to_latex(hrules=True, column_format="l" * text.shape[1]).replace(DASH, "--")
    return f"% {' '.join(comment.split())}\n% Needs \\usepackage{{booktabs}}.\n{table}"


def write_table(folder: Path, name: str, frame: pd.DataFrame, text: pd.DataFrame, comment: str) -> list[Path]:
    """Write `frame` as name.csv and `text` as name.tex into a folder, made if need be; returns the two files."""
    make_folder(folder)
    if "each_seed" in frame:
        frame = frame.assign(each_seed=[" ".join(f"{value:.3f}" for value in values) for values in frame["each_seed"]])
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
