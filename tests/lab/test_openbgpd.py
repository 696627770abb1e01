"""kbgpd and OpenBGPD."""

from daemons import Openbgpd
from sessions import *  # noqa: F401,F403  (every scenario, with OpenBGPD as the neighbour)

NEIGHBOUR = Openbgpd
