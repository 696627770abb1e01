"""kbgpd and FRR."""

from daemons import Frr
from sessions import *  # noqa: F401,F403  (every scenario, with FRR as the neighbour)

NEIGHBOUR = Frr
