"""kbgpd and OpenBGPD."""

from daemons import Openbgpd
from sessions import *  # noqa: F401,F403  (every scenario, with OpenBGPD as the neighbour)
from sessions_routes import *  # noqa: F401,F403
from sessions_transport import *  # noqa: F401,F403

NEIGHBOUR = Openbgpd
