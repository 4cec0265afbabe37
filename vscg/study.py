"""Which runs the book needs: those of the paper's tables, and those of a question that the paper leaves open."""
from vscg.choices import choose
from vscg.config import PROFILES, RunConfig
from vscg.data import PLANTED
from vscg.dials import SIZES
from vscg.errors import VscgError
from vscg.paper import TABLES
from vscg.results import table_configs

# Shares of seconds without class evidence, in each modality; the planted sets themselves stand at one of them.
AMBIGUITIES = (0.0, 0.2, 0.4, 0.8)
WITHOUT_ESCM = {"escm": False}
STUDIES = (*TABLES, "ambiguity")


def ambiguity_configs(*, planted: str = "planted-mini", profile: str = "quick",
                      seeds: int | None = None) -> list[RunConfig]:
    """VSCG with and without ESCM, fully supervised, on a planted data set at every value of `AMBIGUITIES`.

    Args:
        planted: "planted-mini" or "planted".
        profile: of every run.
        seeds: runs for each point; None takes the profile's number.

    Raises:
        VscgError: another data set.
    """
    choose("planted data set", planted, PLANTED)
    own = SIZES[PLANTED[planted]].ambiguity
    names = [planted if ambiguity == own else f"{planted}:ambiguity={ambiguity:g}" for ambiguity in AMBIGUITIES]
    return [RunConfig(system="vscg", data=name, profile=profile, seed=seed, model_options=options)
            for name in names for options in ({}, WITHOUT_ESCM)
            for seed in range(seeds or PROFILES[profile].seeds)]


def book_configs(tables: str = "all", *, data: str, profile: str, seeds: int | None = None) -> list[RunConfig]:
    """The runs of some of `STUDIES`, in order and with repetitions: tables share many.

    Args:
        tables: "all", or names separated by commas: "I,III,ambiguity".
        data: data set of the tables; the study of ambiguity always has the planted ones.
        profile, seeds: of every run; seeds None takes the profile's number.

    Raises:
        VscgError: unknown name or profile, or less than one seed.
    """
    names = STUDIES if tables == "all" else tables.split(",")
    choose("profile", profile, PROFILES)
    if seeds is not None and seeds < 1:
        raise VscgError(f"seeds is {seeds}: it must be at least 1.")
    configs = []
    for name in names:
        choose("table", name, STUDIES)
        if name == "ambiguity":
            planted = "planted" if data == "planted" else "planted-mini"
            configs += ambiguity_configs(planted=planted, profile=profile, seeds=seeds)
        else:
            configs += table_configs(name, data=data, profile=profile, seeds=seeds)
    return configs
