"""kbgpd and GoBGP."""

from daemons import Gobgp
from sessions import *  # noqa: F401,F403  (every scenario, with GoBGP as the neighbour)
from sessions_routes import *  # noqa: F401,F403
from sessions_transport import *  # noqa: F401,F403

NEIGHBOUR = Gobgp
