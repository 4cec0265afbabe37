"""Table II: parameters of the systems, as the paper prints them and as they are."""
import math

import pandas as pd

from vscg.models import SYSTEMS, build_model
from vscg.released.load import DEAD
from vscg.study.paper import PARAMETERS

REGISTERED = "The paper prints the registered count, fully supervised, dead parameters included."
REASONS = {
    "avt": "No program was found: ours has five layers, with which it has as many parameters as the paper prints.",
    "cmbs": "The paper's count is neither of the two. Weakly supervised it would be 14.4 million without the "
            "self-attention over picture regions (395,008) or without the visual spatial branch (394,241); what was "
            "counted is not known.",
}


def parameter_table() -> pd.DataFrame:
    """One line per system of Table II and setting.

    Columns: system, setting; paper (millions, of fully supervised systems); live, dead, registered (our parameters, the
    published program's that never receive a gradient, and their sum); difference (paper minus registered, millions, as
    rounded in the paper); reason.
    """
    lines = []
    for name, paper in PARAMETERS.items():
        entry = SYSTEMS[name]
        for setting in entry.settings:
            live = sum(values.numel() for values in build_model(name, setting=setting).parameters())
            dead = sum(math.prod(shape) for shape in DEAD[name, setting].values())
            lines.append({"system": entry.title, "setting": setting, "paper": paper, "live": live, "dead": dead,
                          "registered": live + dead, "difference": round(paper - round((live + dead) / 1e6, 1), 1),
                          "reason": REASONS.get(name, REGISTERED)})
    return pd.DataFrame(lines)
