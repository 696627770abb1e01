"""kbgpd and GoBGP."""

from daemons import Gobgp
from sessions import *  # noqa: F401,F403  (every scenario, with GoBGP as the neighbour)

NEIGHBOUR = Gobgp
