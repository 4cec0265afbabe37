"""Sphinx extension: a chapter has the number of its notebook, wherever it stands: 03_audio_... is chapter 3."""
import re

from docutils import nodes
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles


def renumber(env) -> None:
    """Puts the notebook's number in place of the chapter's, in titles, contents and all section numbers."""
    for page, numbers in env.toc_secnumbers.items():
        found = re.match(r"notebooks/(\d\d)_", page)
        if found and numbers:
            number = int(found[1])
            numbers.update({anchor: (number, *old[1:]) for anchor, old in numbers.items() if old})
            env.titles[page]["secnumber"] = (number,)
            for reference in env.tocs[page].findall(nodes.reference):
                if reference.get("secnumber"):
                    reference["secnumber"] = (number, *reference["secnumber"][1:])


def setup(app) -> dict:
    """Renumbers right after Sphinx has numbered the sections, before it numbers figures by them."""
    assign = TocTreeCollectorWithStyles.assign_section_numbers

    def assign_and_renumber(collector, env):
        before = env.toc_secnumbers
        assign(collector, env)
        renumber(env)
        return [page for page, numbers in env.toc_secnumbers.items() if numbers != before.get(page)]

    TocTreeCollectorWithStyles.assign_section_numbers = assign_and_renumber
    return {"version": "1", "parallel_read_safe": True}
