"""kbgpd and FRR."""

from daemons import Frr
from sessions import *  # noqa: F401,F403  (every scenario, with FRR as the neighbour)
from sessions_routes import *  # noqa: F401,F403
from sessions_transport import *  # noqa: F401,F403

NEIGHBOUR = Frr
